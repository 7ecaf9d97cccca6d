/** OpenAI's tools, their calls and results as Anthropic's `tools`, `tool_choice`, `tool_use` and `tool_result`. */
import type { Body } from '../adapter.ts';
import { asString, isObject, parseJson } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { translateContent } from './content.ts';
import type { Block, Report } from './content.ts';

interface ToolFields {
  tools?: JsonObject[];
  tool_choice?: JsonObject;
}

export function translateTools(body: Body, report: Report): ToolFields {
  const given: unknown[] = Array.isArray(body['tools']) ? body['tools'] : [];
  const tools = given.map((tool) => translateTool(tool, report)).filter((tool) => tool !== null);
  const choice = toolChoice(body['tool_choice'], report);
  if (tools.length === 0) {
    // A choice without tools says nothing, unless it demands one.
    if (choice?.['type'] === 'any' || choice?.['type'] === 'tool') report('tool_choice');
    return {};
  }
  const limited = oneAtATime(choice, body['parallel_tool_calls']);
  return { tools, ...(limited ? { tool_choice: limited } : {}) };
}

/** Custom (grammar) tools and `strict` arguments, which OpenAI guarantees, have no Anthropic form. */
function translateTool(tool: unknown, report: Report): JsonObject | null {
  const definition = isObject(tool) && tool['type'] === 'function' ? tool['function'] : null;
  if (!isObject(definition)) {
    report('tools');
    return null;
  }
  if (definition['strict'] === true) report('tools.strict');
  const description = asString(definition['description']);
  const parameters = isObject(definition['parameters']) ? definition['parameters'] : {};
  return {
    name: definition['name'],
    ...(description === null ? {} : { description }),
    input_schema: { type: 'object', ...parameters },
  };
}

const CHOICES: Readonly<Record<string, string>> = { auto: 'auto', none: 'none', required: 'any' };

function toolChoice(choice: unknown, report: Report): JsonObject | null {
  if (choice === null || choice === undefined) return null;
  if (typeof choice === 'string' && Object.hasOwn(CHOICES, choice))
    return { type: CHOICES[choice] };
  const named = isObject(choice) && choice['type'] === 'function' ? choice['function'] : null;
  if (isObject(named)) return { type: 'tool', name: named['name'] };
  // `allowed_tools`, custom tools.
  report('tool_choice');
  return null;
}

/** `parallel_tool_calls: false` is part of Anthropic's choice, whose default is `auto`. */
function oneAtATime(choice: JsonObject | null, parallel: unknown): JsonObject | null {
  if (parallel !== false || choice?.['type'] === 'none') return choice;
  return { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true };
}

/** The calls an assistant made. Anthropic takes arguments as an object, so any that are not one cannot be said. */
export function toolUses(calls: unknown, report: Report): Block[] {
  if (calls === null || calls === undefined) return [];
  const blocks: Block[] = [];
  for (const call of Array.isArray(calls) ? (calls as unknown[]) : [null]) {
    const block = isObject(call) ? toolUse(call) : null;
    if (block) blocks.push(block);
    else report('tool_calls');
  }
  return blocks;
}

function toolUse(call: JsonObject): Block | null {
  const called = call['function'];
  if (!isObject(called)) return null;
  const given = called['arguments'];
  const input = given === '' ? {} : parseJson(String(given));
  if (!isObject(input)) return null;
  return { type: 'tool_use', id: safeId(call['id']), name: called['name'], input };
}

export function toolResult(message: JsonObject, report: Report): Block {
  return {
    type: 'tool_result',
    tool_use_id: safeId(message['tool_call_id']),
    content: translateContent(message['content'], 'tool', report),
  };
}

/** Anthropic's ids are `[a-zA-Z0-9_-]+`; other providers' ("functions.get:0") are spelled out, always the same way. */
const safeId = (id: unknown): string =>
  String(id).replaceAll(/[^a-zA-Z0-9_-]/g, (char) => `_${char.codePointAt(0)?.toString(16)}`);
