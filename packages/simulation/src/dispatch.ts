/**
 * Places what waits, in the order of the questions: whose turn is it (fairness), which of its lines (plan), which
 * deployment (balancing). The answers are the dispatcher's own code.
 */
import { admitted, nextTurn } from '@sluice/fairness';
import type { Room, Turn } from '@sluice/fairness';
import { placed } from '@sluice/planning';
import type { Single } from './backlog.ts';
import type { Line } from './line.ts';
import type { Place } from './chooser.ts';
import { FeedRound } from './feed-round.ts';
import type { RoundPorts } from './feed-round.ts';
import type { Learned } from './learned.ts';
import type { Picture } from './picture.ts';
import type { Task } from './task.ts';
import type { TurnPrices } from './turn-prices.ts';

export interface DispatchPorts extends RoundPorts {
  picture: Picture;
  learned: Learned;
  prices: TurnPrices;
  place: (tasks: readonly Task[], deployment: string) => void;
}

/** As the dispatcher's. */
const LEAST_WAIT_MS = 5;

/** What the next turn would place. */
interface Found {
  item: string;
  head: Task;
  /** null: it is a single job. */
  line: Line | null;
  choice: Place;
}

/** One go at placing. Within it nothing gets emptier: what had no room has none. */
interface Round {
  lines: FeedRound;
  fullLanes: Set<string>;
  now: number;
}

export class Dispatch {
  readonly #ports: DispatchPorts;
  /** When an interactive job that found no room may find some, ms from the last pump; Infinity = none waits. */
  #soonestMs = Infinity;

  constructor(ports: DispatchPorts) {
    this.#ports = ports;
  }

  /** How long after the last pump another one pays, ms; Infinity = not before the next look. */
  get againInMs(): number {
    return Math.max(LEAST_WAIT_MS, this.#soonestMs);
  }

  /** Places whatever has room now; how many jobs that were. */
  pump(now: number): number {
    const { backlog, chooser, spilling } = this.#ports;
    this.#soonestMs = Infinity;
    chooser.begin();
    backlog.shaped.look(now);
    spilling.look(backlog, now);
    const round = { lines: new FeedRound(this.#ports, now), fullLanes: new Set<string>(), now };
    let jobs = 0;
    for (;;) {
      let found: Found | null = null;
      const turn = nextTurn(backlog.turns, (one) => {
        const room = this.#roomFor(one, round);
        if (typeof room === 'string') return room;
        found = room;
        return 'yes';
      });
      if (turn === null || found === null) return jobs;
      jobs += this.#carryOut(turn, found, now);
    }
  }

  #roomFor(turn: Turn, round: Round): Found | Room {
    const { item, band } = turn;
    const content = this.#ports.backlog.item(item.id);
    if (content === undefined) return 'not_this_one';
    if (content.kind === 'batch')
      return round.lines.takeTurn(item.tenant, item.band) ?? 'not_this_one';
    const lane = `${band} ${item.lane}`;
    if (round.fullLanes.has(lane)) return 'lane_full';
    const choice = this.#choiceFor(content, round.now);
    if (choice !== null) return { item: item.id, line: null, head: content.task, choice };
    round.fullLanes.add(lane);
    return 'lane_full';
  }

  #choiceFor({ task }: Single, now: number): Place | null {
    const { chooser } = this.#ports;
    const { batch, priority } = task.job;
    if (batch === null) chooser.contended(priority, now);
    const choice = chooser.choose(task, { jobs: 1, among: null }, now);
    if (choice.kind === 'place') return choice;
    if (priority === 'interactive' && choice.kind === 'wait')
      this.#soonestMs = Math.min(this.#soonestMs, choice.retryInMs);
    return null;
  }

  #carryOut(turn: Turn, { item, line, head, choice }: Found, now: number): number {
    const { backlog, chooser, picture, learned, planner, prices, spilling, place } = this.#ports;
    const { deployment } = choice;
    if (line) spilling.placed(head, deployment, now);
    const { tasks, finished } = backlog.take(item, line, choice.jobs);
    const cost = learned.cost(deployment, head);
    picture.placed(deployment, tasks.length, { cost, now });
    chooser.remember(head, choice);
    const { pace } = planner;
    const planned = line ? planner.classOf(line.key) : null;
    if (pace && planned !== null) placed(pace, { class: planned, deployment }, tasks.length);
    const eachMs = prices.workMs(head, cost, learned.predictedMs(deployment, head, 0));
    const tokens = cost.input + cost.output;
    for (const task of tasks) task.charged = { band: turn.band, ms: eachMs, tokens };
    const used = { ...turn, item: { ...turn.item, id: item } };
    admitted(backlog.turns, used, { costMs: eachMs * tasks.length, finished });
    const sent = { requests: tasks.length, tokens: tokens * tasks.length };
    backlog.shaped.sent(turn.tenant, sent, now);
    place(tasks, deployment);
    return tasks.length;
  }
}
