/**
 * Shares what saves money among places of one price, by what their limits let through. The stages leave that open, for no price and
 * no deadline hangs on it, and the program puts all on the widest: here each stage's work ends as soon as it can, at the same price.
 */
import type { Course, Step } from './course.ts';
import { evenCourse } from './even-course.ts';
import type { Arc, Limit, Limits } from './limits.ts';
import { sameArcs } from './prices.ts';
import type { JobClass } from './problem.ts';

/** A stage of the course. */
export interface Span {
  fromMs: number;
  untilMs: number;
  /** Whether the arc may run in it: else it would be late. */
  mayRun: (arc: number) => boolean;
}

/** What takes longer than its stage by less than this, as a part, does for rounding. */
const ROUNDING = 1e-6;

export async function sharedCourse(course: Course, spans: readonly Span[]): Promise<Course> {
  const same = sameArcs(course.limits.arcs);
  if (same.every((first, index) => first === index)) return course;
  let { steps } = course;
  for (const span of spans) steps = await sharedIn({ ...course, steps }, span, same);
  return { ...course, steps };
}

async function sharedIn(course: Course, span: Span, same: readonly number[]): Promise<Step[][]> {
  const { limits, steps } = course;
  const firsts = firstsIn(span, same);
  const jobs = new Map<number, number>();
  const groups = new Map<number, number[]>();
  for (const [index, first] of firsts.entries()) {
    const own = steps[index]?.find((step) => isOf(span, step))?.jobs ?? 0;
    if (own > 0) jobs.set(first, (jobs.get(first) ?? 0) + own);
    const group = groups.get(first);
    if (group) group.push(index);
    else groups.set(first, [index]);
  }
  const members = [...jobs.keys()].flatMap((first) => groups.get(first) ?? []);
  if (members.length === jobs.size) return steps;
  const even = await evenCourse(limitsIn(limits, { span, firsts, jobs, members }));
  const lengthMs = span.untilMs - span.fromMs;
  if (even.kind === 'failed' || even.course.endMs > lengthMs * (1 + ROUNDING)) return steps;
  const shared = new Map(members.map((index, place) => [index, even.course.steps[place]?.[0]]));
  return steps.map((own, index) => withStep(own, span, shared.get(index)?.jobs ?? 0));
}

/** The steps with so many jobs in the stage, whatever there were. */
function withStep(own: readonly Step[], span: Span, jobs: number): Step[] {
  const { fromMs, untilMs } = span;
  const others = own.filter((step) => !isOf(span, step));
  const step = jobs > 0 ? [{ fromMs, untilMs, jobs }] : [];
  return [...others, ...step].toSorted((a, b) => a.untilMs - b.untilMs);
}

const isOf = ({ fromMs, untilMs }: Span, step: Step): boolean =>
  step.fromMs === fromMs && step.untilMs === untilMs;

/** By arc: the first of those that are the same and may run in the stage. */
function firstsIn({ mayRun }: Span, same: readonly number[]): number[] {
  const firsts = new Map<number, number>();
  return same.map((group, index) => {
    if (!mayRun(index)) return index;
    const first = firsts.get(group) ?? index;
    firsts.set(group, first);
    return first;
  });
}

function startIn(limit: Limit, fromMs: number): number {
  if (fromMs === 0) return limit.start;
  return limit.start < 0 ? Math.min(0, limit.start + limit.perMs * fromMs) : 0;
}

/** The work of the stage: what is the same to a class is a class by itself. */
function limitsIn(
  { arcs, limits }: Limits,
  about: {
    span: Span;
    firsts: readonly number[];
    jobs: ReadonlyMap<number, number>;
    members: readonly number[];
  },
): Limits {
  const { span, firsts, jobs, members } = about;
  const classes = new Map(
    [...jobs].map(([first, count]) => {
      const { jobClass } = arcs[first] as Arc;
      return [first, { ...jobClass, id: String(first), jobs: count }];
    }),
  );
  const places = new Map(members.map((index, place) => [index, place]));
  return {
    arcs: members.map((index) => ({
      ...(arcs[index] as Arc),
      fromMs: Math.max(0, (arcs[index] as Arc).fromMs - span.fromMs),
      jobClass: classes.get(firsts[index] as number) as JobClass,
    })),
    limits: limits
      .map((limit) => ({
        ...limit,
        start: startIn(limit, span.fromMs),
        uses: limit.uses.flatMap(({ arc, perJob }) => {
          const place = places.get(arc);
          return place === undefined ? [] : [{ arc: place, perJob }];
        }),
      }))
      .filter(({ uses }) => uses.length > 0),
    shortestMs: 0,
    leastMs: 0,
  };
}
