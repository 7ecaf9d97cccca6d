/**
 * Names what this process takes from tenants' allowances: each is counted once, however often it is sent, and Redis keeps the
 * names of those only that may be sent again.
 */
import { randomUUID } from 'node:crypto';

/** More would be too many arguments for a script; the rest is told with the next. */
const MOST_TOLD = 500;

export class Takings {
  /** Names this process. */
  readonly taker = randomUUID();
  /** By tenant: those that will not be sent again, which Redis has not been told yet. */
  readonly #over = new Map<string, string[]>();
  #last = 0;

  /** `send` is told the names: its own, then of those that are over. Rejects as `send` does. */
  async name<Reply>(tenant: string, send: (names: string[]) => Promise<Reply>): Promise<Reply> {
    const id = `${(this.#last += 1)}`;
    const all = this.#over.get(tenant) ?? [];
    const over = all.slice(0, MOST_TOLD);
    this.#over.set(tenant, all.slice(MOST_TOLD));
    try {
      return await send([id, ...over]);
    } catch (error) {
      this.#over.get(tenant)?.push(...over);
      throw error;
    } finally {
      // Also when it failed: the client has given it up, and nobody tries the same again.
      this.#over.get(tenant)?.push(id);
    }
  }
}
