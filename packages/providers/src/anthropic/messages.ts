/**
 * OpenAI's messages as Anthropic's `system` and alternating turns. System and developer messages are gathered in
 * `system`, in their order, wherever they stood; neighbours of the same role become one turn; a tool's result is
 * part of the user's turn. Empty texts are left out, which Anthropic refuses.
 */
import { asString, isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { translateContent } from './content.ts';
import type { Block, Report } from './content.ts';
import { toolResult, toolUses } from './tools.ts';

export interface Turn {
  role: 'user' | 'assistant';
  content: Block[];
}

/**
 * Reports `messages` for a conversation that has no Anthropic form: none at all, an unknown role, one that does not
 * begin with the user ("first message must use the user role"), or one that ends with the assistant, whose last
 * message Anthropic would continue, or refuse, where OpenAI answers it.
 */
export function translateMessages(
  messages: unknown,
  report: Report,
): { system?: Block[]; messages: Turn[] } {
  const system: Block[] = [];
  const turns: Turn[] = [];
  for (const message of Array.isArray(messages) ? (messages as unknown[]) : []) {
    if (isObject(message)) translateMessage(message, { system, turns, report });
    else report('messages');
  }
  if (turns[0]?.role !== 'user' || turns.at(-1)?.role !== 'user') report('messages');
  return system.length === 0 ? { messages: turns } : { system, messages: turns };
}

interface Conversation {
  system: Block[];
  turns: Turn[];
  report: Report;
}

function translateMessage(message: JsonObject, { system, turns, report }: Conversation): void {
  const { role, content } = message;
  // A speaker's name has no place in a turn; a tool's repeats what its call says.
  if (asString(message['name']) && role !== 'tool') report('messages.name');
  switch (role) {
    case 'system':
    case 'developer':
      system.push(...translateContent(content, role, report));
      return;
    case 'user':
      return extend(turns, 'user', translateContent(content, role, report));
    case 'assistant':
      return extend(turns, 'assistant', assistantBlocks(message, report));
    case 'tool':
      return extend(turns, 'user', [toolResult(message, report)]);
    default:
      report('messages');
  }
}

function assistantBlocks(message: JsonObject, report: Report): Block[] {
  if (isObject(message['audio'])) report('audio');
  if (isObject(message['function_call'])) report('function_call');
  return [
    ...translateContent(message['content'], 'assistant', report),
    ...translateContent(message['refusal'], 'assistant', report),
    ...toolUses(message['tool_calls'], report),
  ];
}

/** Adds to the last turn where the role is the same: Anthropic's turns alternate. */
function extend(turns: Turn[], role: Turn['role'], content: Block[]): void {
  if (content.length === 0) return;
  const last = turns.at(-1);
  if (last?.role === role) last.content.push(...content);
  else turns.push({ role, content });
}
