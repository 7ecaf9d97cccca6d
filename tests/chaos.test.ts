/** The verdict of `npm run chaos` sees what it is there to see; and a short run with a few faults keeps every promise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked, Called, Done } from './chaos/book.ts';
import { FAULTS } from './chaos/faults.ts';
import { broken, judge, mostOver } from './chaos/judge.ts';
import type { Evidence } from './chaos/judge.ts';
import type { Recovery } from './chaos/recovery.ts';
import { runChaos } from './chaos/run.ts';
import type { Outcome } from './chaos/run.ts';
import { sumOf, tooSlow } from './chaos/sum.ts';

const job = (more: Partial<Asked>): Asked => {
  const end = { status: 'succeeded', endedAt: 5 };
  const ids = new Set(['job_1']);
  const base = { tag: 't', kind: 'job', lines: 1, webhook: false, cancelled: false } as const;
  return { ...base, ids, acceptedAt: 1, first: end, last: end, ...more };
};
const call = (at: number, end: Called['end'] = 'ok'): Called => ({
  account: 'a',
  pid: 7,
  tag: 't',
  at,
  endedAt: at + 10,
  end,
});
const sound: Evidence = {
  refused: [],
  asked: [job({})],
  calls: [call(0)],
  deliveries: [],
  faults: [],
  counted: 1,
  ended: 1,
  ratePerSecond: 10,
};
const batch = (output: string[], errors: string[] = []): Asked => {
  const counts = { total: 2, completed: output.length, failed: errors.length };
  const last = { status: 'completed', endedAt: 5, counts, output, errors };
  return job({ kind: 'batch', lines: 2, first: last, last });
};
const told = (event: string, accepted = true) => ({
  event,
  type: 'job.succeeded',
  id: 'job_1',
  accepted,
});

test('nothing is wrong with a sound run', () => {
  assert.deepEqual(broken(judge(sound)), []);
  const lines = { ...sound, asked: [batch(['t.0'], ['t.1'])], counted: 2, ended: 0 };
  assert.deepEqual(broken(judge(lines)), []);
});

const WRONG: [what: string, evidence: Partial<Evidence>, begins: string][] = [
  ['a request refused', { refused: ['x'] }, 'refused'],
  ['a job without an end', { asked: [job({ last: null })] }, 'lost'],
  [
    'an end that changes',
    { asked: [job({ last: { status: 'failed', endedAt: 6 } })] },
    'recorded twice',
  ],
  [
    'two jobs for one key',
    { asked: [job({ ids: new Set(['job_1', 'job_2']) })] },
    'recorded twice',
  ],
  ['two events of one end', { deliveries: [told('e1'), told('e2')] }, 'recorded twice'],
  ['a line missing', { asked: [batch(['t.0'])], counted: 2, ended: 0 }, 'lines'],
  ['a line doubled', { asked: [batch(['t.0', 't.0', 't.1'])], counted: 2, ended: 0 }, 'lines'],
  ['usage counted twice', { counted: 2 }, 'counters'],
  ['a 429 of our making', { calls: [call(0, 'limited')] }, 'overspent'],
  [
    'a webhook never taken',
    { asked: [job({ webhook: true })], deliveries: [told('e1', false)] },
    'webhook',
  ],
  ['an answer bought twice', { calls: [call(0), call(9_000)] }, 'call unexplained'],
];
for (const [what, evidence, begins] of WRONG) {
  test(`the verdict sees ${what}`, () => {
    const found = broken(judge({ ...sound, ...evidence }));
    assert.ok(
      found.some((one) => one.startsWith(begins)),
      found.join('\n') || 'nothing found',
    );
  });
}

/** What is said of the counts 1 + 0 of 2, with a line in each file, at such an end. */
const countsOf = (status: string): string[] => {
  const one = batch(['t.0'], ['t.1']);
  const last = { ...(one.last as NonNullable<Asked['last']>), status };
  const counts = { total: 2, completed: 1, failed: 0 };
  const asked = [{ ...one, first: { ...last, counts }, last: { ...last, counts } }];
  return judge({ ...sound, asked, counted: 2, ended: 0 }).countersWrong;
};

test('a batch that was cut short counts only what it came to, one that was completed all', () => {
  assert.deepEqual(countsOf('cancelled'), []);
  assert.deepEqual(countsOf('expired'), []);
  assert.equal(countsOf('completed').length, 1);
});

/** Sentences on the second of two calls, where this fault was done. */
const unexplained = (fault: Partial<Done>): string[] => {
  const touched = { callers: [7], accounts: ['a'] };
  const base = { name: 'kill-worker', happened: true, touched, from: 5, to: 6, newWorkMs: 0 };
  const faults = [{ ...base, ...fault }];
  return judge({ ...sound, calls: [call(0), call(9_000)], faults }).unexplained;
};

test('an extra call is explained by a fault that touched the call before it while its answer was not safe', () => {
  assert.deepEqual(unexplained({}), []);
  assert.deepEqual(unexplained({ touched: { callers: 'all', accounts: 'all' } }), []);
  assert.equal(unexplained({ from: 5_000, to: 6_000 }).length, 1);
  assert.equal(unexplained({ touched: { callers: [8], accounts: 'all' } }).length, 1);
  assert.equal(unexplained({ touched: { callers: 'all', accounts: ['b'] } }).length, 1);
  assert.equal(unexplained({ touched: { callers: [], accounts: [] } }).length, 1);
});

test("a provider's failure alone explains nothing: there must have been a fault", () => {
  const calls = [call(0, 'failed'), call(9_000)];
  assert.equal(judge({ ...sound, calls }).unexplained.length, 1);
});

test('a window is over when it holds more than a second of the rate and the rate since', () => {
  const burst = Array.from({ length: 10 }, () => 1_000);
  assert.equal(mostOver(burst, 10), 0);
  assert.equal(mostOver([...burst, 1_100], 10), 0);
  assert.ok(mostOver([...burst, 1_050], 10) > 0.4);
});

const recovery = (fault: string, newWork: number[], more: Partial<Recovery> = {}): Recovery => {
  const base = { tried: newWork.length, times: newWork.length, cutOff: [], never: 0 };
  return { fault, newWork, ...base, ...more };
};
const outcome = (seed: number, one: Recovery): Outcome => ({
  seed,
  verdict: judge(sound),
  faults: [],
  recovery: [one],
});

test('runs are summed up: what was counted is added, faults of a name come together', () => {
  const wrong = { ...judge(sound), lost: ['job t'] };
  const other = { ...outcome(2, recovery('kill-leader', [4_000])), verdict: wrong };
  const sum = sumOf([outcome(1, recovery('kill-leader', [1_000, 2_000])), other]);
  assert.deepEqual([sum.seeds, sum.happened, sum.verdict.accepted], [[1, 2], 3, 2]);
  assert.deepEqual(sum.verdict.lost, ['job t']);
  assert.deepEqual(sum.recovery, [recovery('kill-leader', [1_000, 2_000, 4_000])]);
});

/** How many sentences there are on a run with this in it. */
const late = (one: Recovery): number => tooSlow(sumOf([outcome(1, one)])).length;

test('what goes on too late, or not at all, is said', () => {
  assert.equal(late(recovery('kill-leader', [4_900])), 0);
  assert.equal(late(recovery('kill-leader', [1_000, 5_100])), 1);
  assert.equal(late(recovery('kill-worker', [100], { cutOff: [15_100] })), 1);
  assert.equal(late(recovery('disk-full', [60_000])), 0);
  assert.equal(late(recovery('disk-full', [], { never: 1 })), 1);
});

/** One of each kind: a caller dies with its answers, the leader dies, Redis dies, an answer breaks off. */
const SHORT = ['crash-answered-not-stored', 'kill-leader', 'redis-away-2s', 'provider-half-closed'];

test('a short run under four faults keeps every promise', { timeout: 480_000 }, async (t) => {
  const { verdict, faults } = await runChaos({
    seed: 1,
    forMs: 0,
    leastRounds: 1,
    faults: FAULTS.filter(({ name }) => SHORT.includes(name)),
    perSecond: 10,
    pauseMs: 1_000,
    quietShare: 0,
    patienceMs: 90_000,
    keepLogs: '',
    say: (line) => t.diagnostic(line),
  });
  assert.deepEqual(broken(verdict), []);
  const happened = faults.filter((fault) => fault.happened).map(({ name }) => name);
  assert.deepEqual(happened.toSorted(), SHORT.toSorted());
  assert.ok(verdict.accepted > 50, `only ${verdict.accepted} jobs were accepted`);
});
