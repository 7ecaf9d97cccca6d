/** What the client of a chaos run knows: what it asked, what was accepted, and what became of it. */

export type Kind = 'job' | 'keyed job' | 'call' | 'batch';

export interface Asked {
  /** Unique; a job's body carries it as metadata, a batch's lines carry `<tag>.<i>`, so that the providers' ledger tells them apart. */
  tag: string;
  kind: Kind;
  /** Lines of a batch; 1 for all others. */
  lines: number;
  webhook: boolean;
  cancelled: boolean;
  /** All ids that 2xx answers gave for it: one as a rule. Empty: it was not accepted. */
  ids: Set<string>;
  /** Wall clock, ms. */
  acceptedAt: number | null;
  /** The first terminal state that was seen, and how it reads at the end of the run. */
  first: End | null;
  last: End | null;
}

export interface End {
  status: string;
  endedAt: number;
  /** Of a batch. */
  counts?: { total: number; completed: number; failed: number };
  /** custom_ids in the output and in the error file, in their order. */
  output?: string[];
  errors?: string[];
}

/** A delivery as the sink saw it. */
export interface Delivered {
  /** `webhook-id`: one per terminal state. */
  event: string;
  type: string;
  /** Of the job or batch. */
  id: string;
  accepted: boolean;
}

/** A call as the providers' own ledger has it, times in wall-clock ms. */
export interface Called {
  account: string;
  /** The process that made it, by its id; null: not told. */
  pid: number | null;
  tag: string | null;
  at: number;
  endedAt: number | null;
  /** `ok | limited | failed | aborted | dropped`; null: still open. */
  end: string | null;
}

/** Whose calls a fault may have cost their answers: those that these processes made to these accounts. */
export interface Touched {
  callers: readonly number[] | 'all';
  accounts: readonly string[] | 'all';
}

/** A fault as it was done, wall-clock ms. */
export interface Done {
  name: string;
  /** It truly took place. */
  happened: boolean;
  touched: Touched;
  from: number;
  to: number;
  /** From the end of the cause until new work was answered again, ms; null: not within the time given. */
  newWorkMs: number | null;
}
