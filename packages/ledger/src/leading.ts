/**
 * Who leads: one dispatcher places for the whole installation. The lease carries a token that only grows; it is raised in
 * every slot before the leader acts, so that scripts refuse whoever led before, however late it wakes.
 */
import { SLOT_NUMBERS } from './keys.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';

/** The token held (renewed while held), or 0 while another leads. */
export async function takeLead(
  ledger: Ledger,
  lease: { holder: string; ms: number },
): Promise<number> {
  const { leader } = ledger.keys;
  const reply = await run(
    ledger,
    'take-lead',
    [leader, `${leader}:token`],
    [lease.holder, lease.ms],
  );
  return Number(reply);
}

/**
 * Fences off every leader before: no script of theirs moves anything after this. False: a higher token was seen, as when a node
 * of a Cluster died with the counter's last steps; the next one to be taken is above it.
 */
export async function raiseToken(ledger: Ledger, token: number): Promise<boolean> {
  const { leader, leaderSeen } = ledger.keys;
  const raise = (key: string, to: number): Promise<unknown> =>
    run(ledger, 'raise-token', [key], [to]);
  const seen = await Promise.all(SLOT_NUMBERS.map((slot) => raise(leaderSeen(slot), token)));
  const highest = Math.max(...seen.map(Number));
  if (highest > token) await raise(`${leader}:token`, highest);
  return highest <= token;
}

/** Steps down, so that another takes over at once; a lead that was taken since, by anybody, stays. */
export async function giveUpLead(
  ledger: Ledger,
  { holder, token }: { holder: string; token: number },
): Promise<void> {
  await run(ledger, 'give-up-lease', [ledger.keys.leader], [`${holder} ${token}`]);
}
