/** What the demo shows on the way and at the end. Pure. */

/** The fields of a batch that the demo reads. */
export interface Batch {
  id: string;
  status: string;
  request_counts: { total: number; completed: number; failed: number };
  sluice: {
    eta_at: number | null;
    ideal_ms: number | null;
    cost_usd: number | null;
    by_deployment: Record<string, number>;
    running: number;
    blocked: { deployment: string; reason: string }[];
  };
}

export interface ProgressFacts {
  batch: Batch;
  /** 429s that the providers have given since the start. */
  limited: number;
  /** Unix ms. */
  now: number;
}

const BAR = 20;

export function progressLine({ batch, limited, now }: ProgressFacts): string {
  const { total, completed, failed } = batch.request_counts;
  const done = completed + failed;
  const filled = total === 0 ? 0 : Math.round((done / total) * BAR);
  const { eta_at: eta, ideal_ms: ideal, cost_usd: cost } = batch.sluice;
  const parts = [
    `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${done}/${total}`,
    shares(batch.sluice.by_deployment),
    eta === null ? batch.status : `ETA ${Math.max(0, Math.round(eta - now / 1000))} s`,
    ideal === null ? '' : `T* ${seconds(ideal)}`,
    count(limited, '429'),
    money(cost),
    ...batch.sluice.blocked.map(({ deployment, reason }) => `${deployment}: ${reason}`),
  ];
  return parts.filter(Boolean).join(' · ');
}

export interface SummaryFacts {
  batch: Batch;
  tookMs: number;
  limited: number;
  /** Other failures that the providers gave: what the fallback answered. */
  failed: number;
  api: string;
}

export function summary({ batch, tookMs, limited, failed, api }: SummaryFacts): string {
  const { total, completed } = batch.request_counts;
  const { ideal_ms: ideal, cost_usd: cost, by_deployment: by } = batch.sluice;
  const best =
    ideal === null
      ? ''
      : `, ${(tookMs / ideal).toFixed(2)} × T* (${seconds(ideal)}, the best possible with every provider well)`;
  return [
    `${completed} of ${total} answered in ${seconds(tookMs)}${best}`,
    `Share:    ${shares(by)}`,
    `Failures: ${count(limited, '429')}; ${failed} other failed calls, each tried again elsewhere`,
    ...(cost === null ? [] : [`Cost:     ${money(cost)}`]),
    `Results:  curl -s '${api}/v1/batches/${batch.id}/results'`,
  ].join('\n');
}

/** `sim-a 61 % · sim-b 39 %`, the largest first. */
function shares(by: Record<string, number>): string {
  const all = Object.values(by).reduce((sum, lines) => sum + lines, 0);
  if (all === 0) return '';
  return Object.entries(by)
    .toSorted(([, a], [, b]) => b - a)
    .map(([id, lines]) => `${id} ${Math.round((lines / all) * 100)} %`)
    .join(' · ');
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

const money = (usd: number | null): string => (usd === null ? '' : `$${usd.toFixed(4)}`);
