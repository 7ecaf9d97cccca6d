import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type FileStore, indexName, readIndex } from '@sluice/files';
import { type BatchInput, type Validation, validateBatch } from './validate.ts';
import { ANTHROPIC, OPENAI, RULES, putText, request, temporaryStore } from './temp-batch.ts';

const BATCH = 'batch_00000000000000000000000000000001';
const INPUT = 'files/file-in';

async function validate(
  store: FileStore,
  text: string,
  different: Partial<BatchInput> = {},
): Promise<Validation> {
  await putText(store, INPUT, text);
  return validateBatch({
    store,
    inputName: INPUT,
    inputId: 'file-in',
    batchId: BATCH,
    endpoint: '/v1/chat/completions',
    rules: RULES,
    ...different,
  });
}

const jsonl = (lines: readonly unknown[]): string =>
  lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');

/** The one error of a file whose second line is `line`. */
async function errorOf(store: FileStore, line: unknown): Promise<Record<string, unknown>> {
  const result = await validate(store, jsonl([request('first'), line, request('last')]));
  assert.equal(result.kind, 'invalid');
  assert.equal(result.total, 1);
  const [error] = result.errors;
  assert.ok(error);
  assert.equal(error.line, 2);
  return { ...error };
}

test('a good file: classes by pool and wire formats, with estimates and an index', async (t) => {
  const store = await temporaryStore(t);
  const body = { messages: [{ role: 'user', content: 'Hi' }] };
  const lines = [
    request('a'),
    request('b', { body: { ...body, model: 'smart' } }),
    '',
    request('c', { body: { ...body, model: 'gpt-4o-mini', logprobs: true } }),
    request('d', { body: { ...body, model: 'gpt-4o-mini' } }),
  ];
  const text = jsonl(lines);
  const result = await validate(store, text);
  assert.deepEqual(result, {
    kind: 'valid',
    endpoint: '/v1/chat/completions',
    lines: 4,
    lastLine: 5,
    classes: [
      {
        index: 'index-0',
        pool: 'fast',
        formats: OPENAI | ANTHROPIC,
        jobs: 2,
        characters: 36,
        maxOutput: 10,
        unsetOutput: 1,
      },
      {
        index: 'index-1',
        pool: 'smart',
        formats: ANTHROPIC,
        jobs: 1,
        characters: 18,
        maxOutput: 0,
        unsetOutput: 1,
      },
      {
        index: 'index-2',
        pool: 'fast',
        formats: OPENAI,
        jobs: 1,
        characters: 18,
        maxOutput: 0,
        unsetOutput: 1,
      },
    ],
  });
  const index = await readIndex(store, indexName(BATCH, 'index-0'), { from: 0, count: 9 });
  assert.deepEqual(
    index.map(({ line, maxOutput }) => [line, maxOutput]),
    [
      [1, 10],
      [5, null],
    ],
  );
  for (const { line, offset, length } of index) {
    assert.equal(text.slice(offset, offset + length), JSON.stringify(lines[line - 1]));
  }
});

const without = (key: string): unknown => ({ ...request('x'), [key]: undefined });

test('each mistake has its code, its parameter, the value found and what is allowed', async (t) => {
  const store = await temporaryStore(t);
  const body = { model: 'fast', messages: [] };
  const cases: [unknown, code: string, param: string | null, message: RegExp][] = [
    ['{"custom_id":', 'invalid_json_line', null, /^This line is not parseable as valid JSON\./],
    ['{"a":1} {', 'invalid_json_line', null, /Stopped at character 9\.$/],
    [[1], 'invalid_request', null, /JSON object, found an array/],
    ['"x"', 'invalid_request', null, /JSON object, found a string/],
    ['null', 'invalid_request', null, /JSON object, found null/],
    [without('custom_id'), 'missing_required_parameter', 'custom_id', /: 'custom_id'\.$/],
    [without('method'), 'missing_required_parameter', 'method', /: 'method'\.$/],
    [without('url'), 'missing_required_parameter', 'url', /: 'url'\.$/],
    [without('body'), 'missing_required_parameter', 'body', /: 'body'\.$/],
    [request('x', { custom_id: 7 }), 'invalid_request', 'custom_id', /a string, but got a number/],
    [request(''), 'invalid_request', 'custom_id', /1 to 512 characters, found 0/],
    [request('x'.repeat(513)), 'invalid_request', 'custom_id', /1 to 512 characters, found 513/],
    [request('x', { method: 'GET' }), 'invalid_request', 'method', /expected "POST", found "GET"/],
    [
      request('x', { url: '/v1/embeddings' }),
      'invalid_url',
      'url',
      /"\/v1\/embeddings".*does not match the batch endpoint "\/v1\/chat\/completions"/,
    ],
    [request('x', { url: null }), 'invalid_request', 'url', /a string, but got null/],
    [request('x', { body: '{}' }), 'invalid_request', 'body', /an object, but got a string/],
    [request('x', { body: {} }), 'missing_required_parameter', 'body.model', /: 'body.model'\.$/],
    [request('x', { body: { model: 1 } }), 'invalid_request', 'body.model', /but got a number/],
    [
      request('x', { body: { model: 'nope' } }),
      'model_not_found',
      'body.model',
      /"nope" does not exist\. There are: "fast", "smart", "gpt-4o-mini"/,
    ],
    [
      request('x', { body: { ...body, stream: true } }),
      'streaming_unsupported',
      'body.stream',
      /must be false or absent, found true/,
    ],
    [
      request('x', { body: { ...body, model: 'smart', logprobs: true } }),
      'unsupported_parameter',
      'body.logprobs',
      /No deployment of the model "smart" supports "logprobs"/,
    ],
    [request('first'), 'duplicate_custom_id', 'custom_id', /"first" is already used on line 1/],
  ];
  for (const [line, code, param, message] of cases) {
    const error = await errorOf(store, line);
    assert.deepEqual([error['code'], error['param']], [code, param], JSON.stringify(line));
    assert.match(String(error['message']), message);
  }
});

test('stream: false is fine, and so are 512 characters', async (t) => {
  const store = await temporaryStore(t);
  const lines = [
    request('x'.repeat(512)),
    request('b', { body: { model: 'fast', messages: [], stream: false } }),
  ];
  assert.equal((await validate(store, jsonl(lines))).kind, 'valid');
});

test('an endpoint that no deployment of the model serves is named', async (t) => {
  const store = await temporaryStore(t);
  const result = await validate(store, jsonl([embed('a', 'smart')]), {
    endpoint: '/v1/embeddings',
  });
  assert.ok(result.kind === 'invalid');
  const message = 'No deployment of the model "smart" serves /v1/embeddings.';
  assert.deepEqual(result.errors, [{ code: 'invalid_request', message, param: 'url', line: 1 }]);
});

test('no error shows a prompt', async (t) => {
  const store = await temporaryStore(t);
  const secret = 'my-secret-prompt';
  for (const line of [
    `{"custom_id":"x","body":{"messages":["${secret}" ${secret}]}}`,
    secret,
    `"${secret}"`,
    request('x', { body: secret }),
    request('x', { body: { model: ['x'], messages: secret } }),
    request('x', { body: { model: 'nope', messages: secret } }),
  ]) {
    assert.doesNotMatch(JSON.stringify(await errorOf(store, line)), /secret/);
  }
});

test('a line that is too long or not UTF-8 is told with its number', async (t) => {
  const store = await temporaryStore(t);
  const good = JSON.stringify(request('a'));
  const rules = { ...RULES, maxLineBytes: 200 };
  const long = `${good}\n${JSON.stringify(request('b', { x: 'y'.repeat(300) }))}\n`;
  const result = await validate(store, long, { rules });
  assert.equal(result.kind, 'invalid');
  assert.deepEqual(result.errors, [
    {
      code: 'invalid_request',
      message: `This line has ${long.length - good.length - 2} bytes; at most 200 are allowed.`,
      param: null,
      line: 2,
    },
  ]);
  const writing = await store.create('files/latin1');
  await writing.write(Buffer.from(`${good}\n\n{"custom_id":"\xe4"}\n`, 'latin1'));
  await writing.commit();
  const other = await validate(store, '', { inputName: 'files/latin1' });
  assert.equal(other.kind, 'invalid');
  assert.deepEqual(
    other.errors.map(({ code, line }) => [code, line]),
    [['invalid_json_line', 3]],
  );
});

test('files as a whole: empty, missing, too many requests', async (t) => {
  const store = await temporaryStore(t);
  const errors = async (text: string, different: Partial<BatchInput> = {}) => {
    const result = await validate(store, text, different);
    assert.equal(result.kind, 'invalid');
    return result.errors.map(({ code, param, line }) => [code, param, line]);
  };
  assert.deepEqual(await errors(''), [['empty_file', null, null]]);
  assert.deepEqual(await errors('\n \r\n\n'), [['empty_file', null, null]]);
  assert.deepEqual(await errors('', { inputName: 'files/gone' }), [
    ['invalid_request', 'input_file_id', null],
  ]);
  const three = jsonl([request('a'), '', request('b'), request('c')]);
  const rules = { ...RULES, maxLines: 2 };
  assert.deepEqual(await errors(three, { rules }), [['too_many_tasks', null, 4]]);
  assert.equal((await validate(store, three, { rules: { ...RULES, maxLines: 3 } })).kind, 'valid');
});

const embed = (id: string, model = 'fast'): unknown =>
  request(id, { url: '/v1/embeddings', body: { model, input: ['a'] } });

test('without an endpoint the first usable url decides', async (t) => {
  const store = await temporaryStore(t);
  const good = await validate(store, jsonl([embed('a'), embed('b')]), { endpoint: null });
  assert.equal(good.kind === 'valid' && good.endpoint, '/v1/embeddings');
  const mixed = await validate(store, jsonl([embed('a'), request('b')]), { endpoint: null });
  assert.ok(mixed.kind === 'invalid');
  assert.deepEqual(
    mixed.errors.map(({ code, line }) => [code, line]),
    [['invalid_url', 2]],
  );
  const none = await validate(store, jsonl([request('a', { url: '/v2' })]), { endpoint: null });
  assert.ok(none.kind === 'invalid');
  assert.match(none.errors[0]!.message, /"\/v2".*none of the supported.*"\/v1\/embeddings"/);
});

test('a body too deep for anybody is a mistake, not a crash', async (t) => {
  const store = await temporaryStore(t);
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  const line = JSON.stringify(request('x', { body: { model: 'fast', tools: 0 } }));
  const error = await errorOf(store, line.replace('"tools":0', `"tools":${deep}`));
  assert.deepEqual([error['code'], error['param']], ['invalid_request', 'body']);
});

test('the first hundred errors are kept, all are counted, no index is left', async (t) => {
  const store = await temporaryStore(t);
  const lines = [request('a'), ...Array.from({ length: 250 }, () => '{}')];
  lines.push(...Array.from({ length: 50 }, () => request('a')));
  const result = await validate(store, jsonl(lines));
  assert.ok(result.kind === 'invalid');
  assert.equal(result.total, 300);
  assert.deepEqual(
    result.errors.map(({ line }) => line),
    Array.from({ length: 100 }, (_, n) => n + 2),
  );
  assert.equal(await store.size(indexName(BATCH, 'index-0')), null);
});

test('a custom_id counts as used even where its line is bad otherwise', async (t) => {
  const store = await temporaryStore(t);
  const lines = [request('a', { method: 'GET' }), request('a')];
  const result = await validate(store, jsonl(lines));
  assert.ok(result.kind === 'invalid');
  assert.deepEqual(
    result.errors.map(({ code, line }) => [code, line]),
    [
      ['invalid_request', 1],
      ['duplicate_custom_id', 2],
    ],
  );
});

test('exactly the repeated custom_ids are reported, whatever they are', async (t) => {
  const store = await temporaryStore(t);
  const id = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
    fc.constantFrom('a', 'b', '\ud800', '\ufffd', '__proto__', 'é', 'e\u0301'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(id, { minLength: 1, maxLength: 40 }), async (ids) => {
      const result = await validate(store, jsonl(ids.map((each) => request(each))));
      const repeated = ids.flatMap((each, n) => (ids.indexOf(each) < n ? [n + 1] : []));
      const reported = result.kind === 'invalid' ? result.errors.map(({ line }) => line) : [];
      assert.deepEqual(reported, repeated);
    }),
    { numRuns: 60 },
  );
});

test('progress is told, and others get their turns meanwhile', async (t) => {
  const store = await temporaryStore(t);
  const lines = Array.from({ length: 20_000 }, (_, n) => JSON.stringify(request(`c${n}`)));
  const heard: number[] = [];
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  const result = await validate(store, lines.join('\n'), {
    onProgress: (progress) => heard.push(progress.lines),
  });
  clearInterval(timer);
  assert.equal(result.kind, 'valid');
  assert.ok(heard.length > 3, `${heard.length} reports`);
  assert.ok(turns > 3, `${turns} turns`);
  assert.deepEqual(
    heard,
    heard.toSorted((a, b) => a - b),
  );
});

test('can be stopped, and leaves nothing', async (t) => {
  const store = await temporaryStore(t);
  const lines = Array.from({ length: 20_000 }, (_, n) => JSON.stringify(request(`c${n}`)));
  const stop = new AbortController();
  const result = validate(store, lines.join('\n'), {
    signal: stop.signal,
    onProgress: () => stop.abort(new Error('stopping')),
  });
  await assert.rejects(result, /stopping/);
  assert.equal(await store.size(indexName(BATCH, 'index-0')), null);
  assert.equal((await validate(store, lines.join('\n'))).kind, 'valid');
});
