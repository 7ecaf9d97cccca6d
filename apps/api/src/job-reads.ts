/** Jobs as they are read for those who ask and wait: however many ask for one at a moment, it is read once. */
import { readJobHead, withResult } from '@sluice/ledger';
import type { JobHead, Ledger } from '@sluice/ledger';
import { SharedReads } from './shared-reads.ts';

export class JobReads {
  readonly #ledger: Ledger;
  readonly #heads: SharedReads<JobHead | null>;
  /** Large answers that are on their way, by the job they belong to. */
  readonly #whole = new WeakMap<JobHead, Promise<JobHead | null>>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#heads = new SharedReads((id) => readJobHead(ledger, id));
  }

  /** As it stands at some moment after asking; null as for `readJobHead`. The same object may be given to others. */
  head(id: string): Promise<JobHead | null> {
    return this.#heads.get(id);
  }

  /** The same with its answer, however large, which never changes once it is there; null when it has gone meanwhile. */
  whole(job: JobHead): Promise<JobHead | null> {
    const before = this.#whole.get(job);
    if (before !== undefined) return before;
    const reading = withResult(this.#ledger, job);
    if (job.result === null || job.result.body !== null) return reading;
    this.#whole.set(job, reading);
    const forget = (): boolean => this.#whole.delete(job);
    void reading.then(forget, forget);
    return reading;
  }
}
