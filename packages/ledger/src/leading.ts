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

/** Fences off every leader before: no script of theirs moves anything after this. */
export async function raiseToken(ledger: Ledger, token: number): Promise<void> {
  await Promise.all(
    SLOT_NUMBERS.map((slot) => run(ledger, 'raise-token', [ledger.keys.leaderSeen(slot)], [token])),
  );
}

/** Steps down, so that another takes over at once. */
export async function giveUpLead(ledger: Ledger, holder: string): Promise<void> {
  const held = await ledger.redis.get(ledger.keys.leader);
  if (held?.startsWith(`${holder} `)) await ledger.redis.del(ledger.keys.leader);
}
