/**
 * Hostile requests, one per number: bodies, headers, forms, JSON lines, ids and webhook URLs. The same seed and number give
 * the same request, byte for byte.
 */
import { seededRandom } from '@sluice/testing';
import { garbleBytes, garbleJson, oddText, pick, upTo } from './garble.ts';
import type { Random } from './garble.ts';
import { hostileUrl } from './urls.ts';

export interface HostileCase {
  /** Its kind, for the summary. */
  what: string;
  method: string;
  /** As it stands in the request line. */
  target: string;
  headers: (readonly [string, string])[];
  body: Buffer;
  /** The connection is dropped after so many bytes of the body; null = the whole is sent. */
  cutAt: number | null;
  /** A URL that an answer of 2xx says may be delivered to. */
  webhookUrl: string | null;
}

/** Ids of things that are there, for requests about them. */
export interface Known {
  jobs: string[];
  batches: string[];
  files: string[];
  uploads: string[];
}

type Draft = Pick<HostileCase, 'method' | 'target' | 'headers' | 'body'> &
  Partial<Pick<HostileCase, 'webhookUrl'>>;

const JSON_TYPE = ['content-type', 'application/json'] as const;

const chat = (text: string): object => ({
  model: 'fast',
  max_tokens: 8,
  messages: [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: [{ type: 'text', text }] },
  ],
});

const JOB = {
  model: 'fast',
  endpoint: '/v1/chat/completions',
  body: chat('17 × 3?'),
  priority: 'normal',
  deadline_ms: 20_000,
  affinity_key: 'a',
  max_tier: 1,
  metadata: { team: 'a' },
};

/** What each route that takes JSON takes when all is well. */
const BODIES: readonly (readonly [string, object])[] = [
  ['/v1/jobs', JOB],
  ['/v1/chat/completions', chat('hi')],
  ['/v1/responses', { model: 'fast', input: [{ role: 'user', content: 'hi' }] }],
  ['/v1/completions', { model: 'fast', prompt: ['hi', 'ho'] }],
  ['/v1/embeddings', { model: 'fast', input: ['hi'], dimensions: 3 }],
  ['/v1/moderations', { model: 'fast', input: 'hi' }],
  ['/v1/uploads', { filename: 'a.jsonl', purpose: 'batch', bytes: 9, mime_type: 'text/plain' }],
  ['/v1/batches', { input_file_id: 'FILE', endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { a: 'b' } }],
  ['/v1/uploads/UPLOAD/complete', { part_ids: ['part_00000000000000000000000000000000'] }],
  // Told of nothing that a job comes to: nobody outside may be told of what is made here.
  [
    '/v1/webhook_endpoints',
    { name: 'a', url: 'https://hooks.invalid/', event_types: ['webhook_endpoint.disabled'] },
  ],
  ['/admin/dead/replay', { ids: ['JOB'], pool: 'fast', code: 'timeout', since: 1 }],
  ['/admin/deployments/never', { weight: 2, limits: { rpm: 100 } }],
  ['/v1/jobs/JOB/cancel', {}],
  ['/v1/jobs/JOB/retry', {}],
  ['/v1/batches/BATCH/cancel', {}],
  ['/v1/batches/BATCH/pause', {}],
  ['/v1/batches/BATCH/resume', {}],
  ['/v1/batches/BATCH/retry', {}],
]; // prettier-ignore

const READS: readonly string[] = [
  '/v1/jobs?limit=5',
  '/v1/jobs?status=succeeded&model=fast&metadata[team]=a&after=JOB',
  '/v1/jobs/JOB?wait_ms=0',
  '/v1/jobs/BATCH.1',
  '/v1/files?limit=5&order=asc',
  '/v1/files/FILE',
  '/v1/files/FILE/content',
  '/v1/batches?after=BATCH&limit=2',
  '/v1/batches/BATCH',
  '/v1/batches/BATCH/results?after=0',
  '/v1/models/fast',
  '/admin/dead?pool=fast&since=1',
  '/admin/plan',
  '/admin/usage',
  '/v1/usage',
  '/metrics',
  '/docs',
];

const KINDS: Record<string, (random: Random, known: Known) => Draft> = {
  'JSON values': (random, known) => {
    const [path, body] = pick(random, BODIES);
    const text = JSON.stringify(garbleJson(named(body, random, known), random, 12));
    return post(target(path, random, known), text);
  },
  'JSON bytes': (random, known) => {
    const [path, body] = pick(random, BODIES);
    const bytes = garbleBytes(Buffer.from(JSON.stringify(named(body, random, known))), random);
    return { ...post(target(path, random, known), ''), body: bytes };
  },
  'webhook URLs': (random) => {
    const url = hostileUrl(random);
    // Of a pool that nobody runs: a job that ended would really be told to whoever has that address.
    const job = { ...JOB, model: 'parked', body: { messages: [] }, max_tier: null, deadline_ms: undefined };
    return { ...post('/v1/jobs', JSON.stringify({ ...job, webhook_url: url })), webhookUrl: url };
  },
  ids: (random) => {
    const path = pick(random, READS);
    const [before = '', after = ''] = path.split(/JOB|FILE|BATCH|fast/);
    const method = pick(random, ['GET', 'GET', 'HEAD', 'DELETE', 'POST', 'PATCH', 'TRACE', 'PROPFIND']);
    return { method, target: before + tokenOf(random) + after, headers: [], body: Buffer.alloc(0) };
  },
  queries: (random, known) => {
    const [path = '', query = ''] = target(pick(random, READS), random, known).split('?');
    const garbled = garbleBytes(Buffer.from(query || 'limit=1'), random).toString('latin1');
    return { method: 'GET', target: `${path}?${asTarget(garbled)}`, headers: [], body: Buffer.alloc(0) };
  },
  headers: (random, known) => {
    const draft = post('/v1/jobs', JSON.stringify(JOB));
    return { ...draft, headers: [...draft.headers, ...oddHeaders(random)], target: target(draft.target, random, known) };
  },
  forms: (random) => ({
    method: 'POST',
    target: '/v1/files',
    headers: [['content-type', `multipart/form-data; boundary=${pick(random, ['x', 'x', 'x', '', '"x', 'y'.repeat(80)])}`]],
    body: garbleBytes(formOf(random), random),
  }),
  'JSON lines': (random) => ({
    method: 'POST',
    target: `/v1/batches?completion_window=${pick(random, ['24h', '10m', '1', '', '-1h', '99999999d'])}`,
    headers: [['content-type', 'application/jsonl']],
    body: linesOf(random),
  }),
}; // prettier-ignore

/** Request number `number` of the run `seed`. */
export function caseOf(seed: number, number: number, known: Known): HostileCase {
  const random = seededRandom(seed * 1_000_003 + number);
  const what = pick(random, Object.keys(KINDS));
  const draft = (KINDS[what] as (typeof KINDS)[string])(random, known);
  const cutAt = random() < 0.06 ? upTo(random, draft.body.length) : null;
  return { webhookUrl: null, ...draft, what, cutAt };
}

const post = (path: string, text: string): Draft => ({
  method: path.startsWith('/admin/deployments') ? 'PATCH' : 'POST',
  target: path,
  headers: [JSON_TYPE],
  body: Buffer.from(text),
});

/** Names of things where the templates have placeholders. */
const target = (path: string, random: Random, known: Known): string =>
  path.replaceAll(/JOB|FILE|BATCH|UPLOAD/g, (word) => idOf(word, random, known));

const named = (body: object, random: Random, known: Known): unknown =>
  JSON.parse(target(JSON.stringify(body), random, known));

function idOf(word: string, random: Random, known: Known): string {
  const all = { JOB: known.jobs, FILE: known.files, BATCH: known.batches, UPLOAD: known.uploads }[
    word
  ];
  return all === undefined || all.length === 0 ? 'none' : pick(random, all);
}

const tokenOf = (random: Random): string =>
  random() < 0.5
    ? asTarget(encodeURIComponent(wellFormed(oddText(random))))
    : asTarget(oddText(random));

const wellFormed = (text: string): string => Buffer.from(text).toString();

/** What can stand in a request line at all: no spaces, no control characters, bytes only. */
const asTarget = (text: string): string =>
  Buffer.from(text)
    .toString('latin1')
    .replaceAll(/[\0- \u007f]/g, '')
    .slice(0, 6_000);

const HEADERS: readonly (readonly [string, string])[] = [
  ['authorization', 'Bearer '],
  ['authorization', `Bearer ${'k'.repeat(7_000)}`],
  ['authorization', 'Basic !!!'],
  ['x-api-key', 'a, b'],
  ['idempotency-key', ''],
  ['idempotency-key', 'k'.repeat(256)],
  ['idempotency-key', 'ключ'],
  ['idempotency-key', 'same'],
  ['content-type', 'application/json; charset=utf-16'],
  ['content-type', 'text/plain'],
  ['content-type', 'application/json, application/jsonl'],
  ['content-encoding', 'gzip'],
  ['content-encoding', 'br, gzip'],
  ['accept', '*/*;q=x'],
  ['accept-encoding', '\t'],
  ['expect', '100-continue'],
  ['expect', 'the unexpected'],
  ['host', 'evil.example'],
  ['sec-fetch-site', 'cross-site'],
  ['x-forwarded-for', '127.0.0.1'],
  ['x-http-method-override', 'DELETE'],
  ['range', 'bytes=-1'],
  ['cookie', 'a='.repeat(3_000)],
  ['transfer-encoding', 'chunked'],
  ['content-length', '-1'],
  ['content-length', '5'],
  ['connection', 'upgrade'],
  ['upgrade', 'websocket'],
];

const oddHeaders = (random: Random): (readonly [string, string])[] =>
  Array.from({ length: 1 + upTo(random, 2) }, () => pick(random, HEADERS));

const field = (name: string, value: string): string =>
  `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

function formOf(random: Random): Buffer {
  const name = random() < 0.2 ? oddText(random) : 'a.jsonl';
  const file = `--x\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\n\r\n${'{"custom_id":"a"}\n'.repeat(upTo(random, 300))}\r\n`;
  return Buffer.from(`${field('purpose', pick(random, ['batch', 'batch', 'user_data', oddText(random)]))}${file}--x--\r\n`);
} // prettier-ignore

const line = (i: number): object => ({
  custom_id: `q-${i}`,
  method: 'POST',
  url: '/v1/chat/completions',
  body: chat(`${i} + 1?`),
});

function linesOf(random: Random): Buffer {
  const lines = Array.from({ length: 1 + upTo(random, 12) }, (_, i) =>
    Buffer.from(`${JSON.stringify(random() < 0.3 ? garbleJson(line(i), random, 8) : line(i))}\n`),
  );
  const bytes = Buffer.concat(lines);
  return random() < 0.3 ? garbleBytes(bytes, random) : bytes;
}
