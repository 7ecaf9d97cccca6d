import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { affinityOf, keyHashOf } from '@sluice/balancing';
import { type FileStore, FileMissing, indexName, readIndex, readKeyedIndex } from '@sluice/files';
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
    batchId: BATCH,
    endpoint: '/v1/chat/completions',
    rules: RULES,
    ...different,
  });
}

const jsonl = (lines: readonly unknown[]): string =>
  lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');

test('a good file: classes by pool, wire formats and size, with estimates and an index', async (t) => {
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
        shape: '0.0',
        jobs: 1,
        characters: 18,
        maxOutput: 10,
        unsetOutput: 0,
      },
      {
        index: 'index-1',
        pool: 'smart',
        formats: ANTHROPIC,
        shape: '0.4',
        jobs: 1,
        characters: 18,
        maxOutput: 0,
        unsetOutput: 1,
      },
      {
        index: 'index-2',
        pool: 'fast',
        formats: OPENAI,
        shape: '0.4',
        jobs: 1,
        characters: 18,
        maxOutput: 0,
        unsetOutput: 1,
      },
      {
        index: 'index-3',
        pool: 'fast',
        formats: OPENAI | ANTHROPIC,
        shape: '0.4',
        jobs: 1,
        characters: 18,
        maxOutput: 0,
        unsetOutput: 1,
      },
    ],
  });
  const names = ['index-0', 'index-1', 'index-2', 'index-3'];
  const indexes = await Promise.all(
    names.map((name) => readIndex(store, indexName(BATCH, name), { from: 0, count: 9 })),
  );
  const index = indexes.flat();
  assert.deepEqual(
    index.map(({ line, maxOutput }) => [line, maxOutput]),
    [
      [1, 10],
      [2, null],
      [4, null],
      [5, null],
    ],
  );
  for (const { line, offset, length } of index) {
    assert.equal(text.slice(offset, offset + length), JSON.stringify(lines[line - 1]));
  }
});

test('requests of every size: at most 60 classes, each of like size, in the order of the file', async (t) => {
  const store = await temporaryStore(t);
  const lines = Array.from({ length: 600 }, (_, i) => {
    const content = 'x'.repeat(2 ** (i % 20));
    const body = {
      model: 'fast',
      max_tokens: 2 ** (i % 13),
      messages: [{ role: 'user', content }],
    };
    return request(`id-${i}`, { body });
  });
  const rules = { ...RULES, maxLineBytes: 2 ** 21 };
  const result = await validate(store, jsonl(lines), { rules });
  assert.ok(result.kind === 'valid');
  const { classes } = result;
  assert.ok(classes.length <= 60 && classes.length > 30, `${classes.length} classes`);
  const seen: number[] = [];
  for (const { index, jobs } of classes) {
    const records = await readIndex(store, indexName(BATCH, index), { from: 0, count: 600 });
    assert.equal(records.length, jobs);
    const numbers = records.map(({ line }) => line);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
    seen.push(...numbers);
    const outputs = records.map(({ maxOutput }) => maxOutput ?? 0);
    assert.ok(Math.max(...outputs) <= 16 * Math.max(16, Math.min(...outputs)));
  }
  assert.equal(new Set(seen).size, 600);
});

const ofAll = (pools: readonly string[]) => ({
  code: 'invalid_request',
  message: `of ${pools.join(' and ')}`,
  param: 'max_tier',
});

test('what is wrong with a batch as a whole is told beside its bad lines, and no index is left', async (t) => {
  const store = await temporaryStore(t);
  const smart = request('b', {
    body: { model: 'smart', messages: [{ role: 'user', content: 'Hi' }] },
  });
  const rules = { ...RULES, ofAll };
  const told = async (lines: unknown[]) => {
    const result = await validate(store, jsonl(lines), { rules });
    assert.ok(result.kind === 'invalid');
    assert.equal(await store.size(indexName(BATCH, 'index-0')), null);
    return result.errors.map(({ message, line }) => [message, line]);
  };
  assert.deepEqual(await told([request('a'), smart, request('c')]), [['of fast and smart', null]]);
  const [first, last] = await told([smart, request('b')]);
  assert.deepEqual([first?.[1], last], [2, ['of smart', null]]);
});

const keyOf = (pool: string, body: object) =>
  pool === 'fast' ? keyHashOf(affinityOf(null, { ...body })) : undefined;

test('in a pool whose lines travel by their keys those of one key stand together, with it', async (t) => {
  const store = await temporaryStore(t);
  const users = ['anna', 'ben', undefined, 'anna', 'ben', 'anna'];
  const bodies = users.map((user) => ({
    model: 'fast',
    max_tokens: 10,
    messages: [{ role: 'user', content: 'Hi' }],
    ...(user !== undefined && { user }),
  }));
  const lines = bodies.map((body, i) => request(`id-${i}`, { body }));
  const other = request('other', { body: { ...bodies[0], model: 'smart' } });
  const result = await validate(store, jsonl([...lines, other]), { rules: { ...RULES, keyOf } });
  assert.ok(result.kind === 'valid');
  assert.deepEqual(
    result.classes.map(({ pool, keyed }) => [pool, keyed]),
    [
      ['fast', true],
      ['smart', undefined],
    ],
  );
  const name = indexName(BATCH, 'index-0');
  const records = await readKeyedIndex(store, name, { from: 0, count: 9 });
  const [anna, ben] = ['anna', 'ben'].map((user) => keyHashOf({ affinityKey: `user:${user}` }));
  assert.deepEqual(
    records.map(({ line, key }) => [line, key]),
    [
      [1, anna],
      [4, anna],
      [6, anna],
      [2, ben],
      [5, ben],
      [3, null],
    ],
  );
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
  await assert.rejects(errors('', { inputName: 'files/gone' }), FileMissing);
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
  assert.match(result.errors[1]!.message, /custom_id "a" is already used on line 1;/);
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
