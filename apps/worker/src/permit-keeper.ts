/**
 * Renews the permits of all calls this process is making, every third of their term, in one batch of commands. So
 * the permits of a process that dies lapse within a term, and those of one that was stopped count again when it wakes. A
 * renewal that comes behind the end of its call (sent again, when the connection broke) brings its permit back: it is freed.
 */
import type { Admission } from '@sluice/admission';

/** How long a permit lasts unless renewed, ms. */
export const PERMIT_MS = 10_000;
/** Permits in one command: it holds Redis for a fraction of a millisecond. */
const MOST_AT_ONCE = 500;

type PermitPorts = Pick<Admission, 'renew' | 'free'>;

export class PermitKeeper {
  readonly #admission: PermitPorts;
  readonly #held = new Map<string, Set<string>>();
  /** Deployments whose renewal has not been answered. */
  readonly #asking = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(admission: PermitPorts, everyMs: number = PERMIT_MS / 3) {
    this.#admission = admission;
    this.#timer = setInterval(() => this.#renew(), everyMs);
  }

  hold(deployment: string, lease: string): void {
    const held = this.#held.get(deployment);
    if (held) held.add(lease);
    else this.#held.set(deployment, new Set([lease]));
  }

  release(deployment: string, lease: string): void {
    this.#held.get(deployment)?.delete(lease);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Redis may be away: what waits for it is done as it is back, by its clock then, and lapsed permits count again. */
  #renew(): void {
    for (const [deployment, held] of this.#held) {
      if (this.#asking.has(deployment)) continue;
      this.#asking.add(deployment);
      void this.#renewOf(deployment, [...held]).finally(() => this.#asking.delete(deployment));
    }
  }

  async #renewOf(deployment: string, leases: readonly string[]): Promise<void> {
    const from = Array.from(
      { length: Math.ceil(leases.length / MOST_AT_ONCE) },
      (_, i) => i * MOST_AT_ONCE,
    );
    await Promise.all(
      from.map((at) => this.#renewSome(deployment, leases.slice(at, at + MOST_AT_ONCE))),
    );
  }

  async #renewSome(deployment: string, leases: string[]): Promise<void> {
    // Where it failed it may have been done all the same.
    const back = await this.#admission.renew(deployment, leases, PERMIT_MS).catch(() => leases);
    const ended = back.filter((lease) => !this.#held.get(deployment)?.has(lease));
    // Those that cannot be freed lapse.
    if (ended.length > 0) await this.#admission.free(deployment, ended).catch(() => undefined);
  }
}
