/** /openapi.json, made from the table of routes and the zod shapes they check with. */
import { z } from 'zod';
import { ERRORS } from './error-table.ts';
import type { Route } from './routes.ts';
import { SHAPES } from './shapes/answers.ts';

type Json = Record<string, unknown>;

/** OpenAPI 3.1. Shapes are those of requests as they are sent: defaults are optional. */
export const describeRoutes = (routes: readonly Route[]): Json => ({
  openapi: '3.1.0',
  info: {
    title: 'Sluice',
    version: '1',
    description:
      'Inference jobs and batches over all your keys. OpenAI clients work with this server’s /v1 as their base URL.',
  },
  paths: pathsOf(routes),
  components: {
    securitySchemes: {
      key: { type: 'http', scheme: 'bearer', description: 'Also as x-api-key.' },
      admin: {
        type: 'http',
        scheme: 'basic',
        description: 'The admin key as password, or Bearer.',
      },
    },
    schemas: { ...answerSchemas(), Error: ERROR_SHAPE },
  },
});

/** `/v1/jobs/:id` → `/v1/jobs/{id}`. */
export const openapiPath = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}');

function pathsOf(routes: readonly Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = openapiPath(route.path);
    paths[path] ??= {};
    paths[path][route.method] = operationOf(route);
  }
  return paths;
}

function operationOf(route: Route): Json {
  const { access, does, path, status = 200, takes, method } = route;
  const [, first = '', second = ''] = path.split('/');
  return {
    operationId: [method, ...(path.match(/\w+/g) ?? ['home'])].join('_'),
    summary: does,
    tags: [first === 'v1' ? second : first === 'admin' ? 'admin' : 'server'],
    ...(access === 'open' ? {} : { security: [access === 'admin' ? { admin: [] } : { key: [] }] }),
    parameters: [
      ...pathParameters(path),
      ...queryParameters(route),
      ...groupParameters(route),
      ...keyParameter(route),
    ],
    ...(takes === undefined ? {} : { requestBody: { content: contentOf(route) } }),
    responses: {
      [status]: {
        description: MEANINGS[status] ?? 'OK',
        headers: HEADERS,
        content: answerOf(route),
      },
      default: {
        description: `An error: ${Object.keys(ERRORS).length} codes, see docs/errors.md.`,
        headers: HEADERS,
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

const pathParameters = (path: string): Json[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));

function queryParameters({ query }: Route): Json[] {
  if (!query) return [];
  const { properties = {}, required = [] } = schemaOf(query) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

/** `metadata[project]=x`: the keys are the caller's. */
const groupParameters = ({ groups = {} }: Route): Json[] =>
  Object.entries(groups).map(([name, shape]) => {
    const { description, ...schema } = schemaOf(shape);
    const form = `As ${name}[key]=value.`;
    return {
      name,
      in: 'query',
      style: 'deepObject',
      explode: true,
      description: typeof description === 'string' ? `${form} ${description}` : form,
      schema,
    };
  });

const keyParameter = ({ creates, keyed }: Route): Json[] =>
  creates || keyed
    ? [
        {
          name: 'Idempotency-Key',
          in: 'header',
          description: keyed
            ? 'The same key again changes nothing.'
            : 'The same key and body again: the same answer.',
          schema: { type: 'string', maxLength: 255 },
        },
      ]
    : [];

function contentOf({ takes, body }: Route): Json {
  const schema = body ? schemaOf(body) : { type: 'object' };
  if (takes === 'form') return { 'multipart/form-data': { schema } };
  const lines = { 'application/jsonl': { schema: { type: 'string' } } };
  return { 'application/json': { schema }, ...(takes === 'json_or_lines' ? lines : {}) };
}

const ANSWERS = {
  events: 'text/event-stream',
  lines: 'application/jsonl',
  bytes: 'application/octet-stream',
  text: 'text/plain',
  html: 'text/html',
} as const;

const MEANINGS: Record<number, string> = { 202: 'Accepted' };

const HEADERS = {
  'x-request-id': { description: 'Names this request in the log.', schema: { type: 'string' } },
};

const reference = (name = ''): Json => ({ $ref: `#/components/schemas/${name}` });

function answerOf({ answers, returns, or }: Route): Json {
  if (answers !== undefined) return { [ANSWERS[answers]]: { schema: { type: 'string' } } };
  const schema = or ? { oneOf: [reference(returns), reference(or)] } : reference(returns);
  return { 'application/json': { schema } };
}

const answerSchemas = (): Json =>
  Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, schemaOf(shape)]));

function schemaOf(shape: z.ZodType): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(shape, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => describeNullable(jsonSchema),
  });
  return schema;
}

/** What a field that may be null says of itself stands on the field, where readers look for it. */
function describeNullable(schema: Json): void {
  const ways = schema['anyOf'] as Json[] | undefined;
  const said = ways?.find(({ description }) => description !== undefined)?.['description'];
  if (said !== undefined) schema['description'] ??= said;
}

const ERROR_SHAPE = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: { type: ['string', 'null'] },
        code: { type: ['string', 'null'], enum: [...Object.keys(ERRORS), null] },
      },
    },
  },
};
