/** The config schema as a plain tree, for messages and documentation: what each place takes, says and defaults to. */
import { z } from 'zod';
import type { Path } from './mistake.ts';
import { configFile } from './schema/file.ts';

export interface SchemaNode {
  type?: string | string[];
  description?: string;
  /** In words, where the type alone says too little. */
  allowed?: string;
  default?: unknown;
  enum?: unknown[];
  properties?: Record<string, SchemaNode>;
  required?: string[];
  additionalProperties?: SchemaNode | boolean;
  propertyNames?: SchemaNode;
  items?: SchemaNode;
  anyOf?: SchemaNode[];
}

let tree: SchemaNode | undefined;

/** The root. Made once, at the first mistake or for the docs: a correct start never pays for it. */
export function schemaTree(): SchemaNode {
  tree ??= z.toJSONSchema(configFile, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  }) as SchemaNode;
  return tree;
}

/** All nodes that may describe the value at `path`: several where a section can be written in several ways. */
export function nodesAt(path: Path): SchemaNode[] {
  let nodes = [schemaTree()];
  for (const part of path) nodes = nodes.flatMap(branches).flatMap((node) => step(node, part));
  return nodes;
}

const branches = (node: SchemaNode): SchemaNode[] =>
  (node.anyOf ?? [node]).flatMap((inner) => (inner.anyOf ? branches(inner) : [inner]));

function step(node: SchemaNode, part: string | number): SchemaNode[] {
  if (typeof part === 'number') return node.items ? [node.items] : [];
  const property = node.properties?.[part];
  if (property) return [property];
  const { additionalProperties: rest } = node;
  return typeof rest === 'object' ? [rest] : [];
}

/** Settings known at `path`, over all ways of writing the section. */
export function settingsAt(path: Path): string[] {
  return nodesAt(path)
    .flatMap(branches)
    .flatMap((node) => Object.keys(node.properties ?? {}));
}

/** What a place takes, in words. */
export function allowedBy(node: SchemaNode): string {
  if (node.allowed !== undefined) return node.allowed;
  if (node.enum) return node.enum.map(String).join(', ');
  if (node.anyOf) return [...new Set(node.anyOf.map(allowedBy))].join(', or ');
  if (node.type === 'array') return `a list${node.items ? ` of: ${allowedBy(node.items)}` : ''}`;
  if (node.type === 'object') return withSettings(node);
  return `a ${[node.type ?? 'value'].flat().join(' or ')}`;
}

function withSettings(node: SchemaNode): string {
  const settings = Object.keys(node.properties ?? {});
  return settings.length > 0 ? `a section with ${settings.join(', ')}` : 'a section';
}
