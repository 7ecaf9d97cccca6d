/** What the log says of a refused credential: whose it is, where it is set and the vendor's kind of error; none of its text. */
import type { Deployment } from '@sluice/job';

export interface RefusedKey {
  provider: string;
  /** Where the config has the key. */
  setting: string;
  /** The vendor's `error.type`; null where it has none that is a plain word. */
  vendor_error: string | null;
}

/** A word of an API, never something that could be a key: no digits, not long. */
const WORD = /^[a-z]+(_[a-z]+)*$/i;
const LONGEST_WORD = 48;

/** `body`: the refusal as one OpenAI envelope. */
export function refusedKey({ provider }: Deployment, body: string | null): RefusedKey {
  return {
    provider: provider.id,
    setting: `providers.${provider.id}.api_key`,
    vendor_error: typeOf(body),
  };
}

function typeOf(body: string | null): string | null {
  try {
    const { error } = JSON.parse(body ?? '{}') as { error?: { type?: unknown } };
    const type = error?.type;
    const plain = typeof type === 'string' && type.length <= LONGEST_WORD && WORD.test(type);
    return plain ? type : null;
  } catch {
    return null;
  }
}
