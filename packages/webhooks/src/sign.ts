/**
 * Standard Webhooks signatures (spec 1.0.0, symmetric): HMAC-SHA256 over `id.timestamp.body`. OpenAI's `unwrap`
 * reads the same three headers.
 */
import { Webhook } from 'standardwebhooks';

/** The shape of the three headers of a delivery. */
export interface SignedHeaders {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

export interface Signable {
  /** Event id, without dots. */
  id: string;
  /** Time of this attempt, ms. */
  at: number;
  /** The exact text that will be sent. */
  body: string;
}

const PREFIX = 'whsec_';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Whether `text` is `whsec_` + base64 of 24 to 64 bytes. Without the prefix libraries disagree on what the key is
 * (standardwebhooks decodes base64, openai takes the text itself), so only the prefixed form is a secret.
 */
export function isSecret(text: string): boolean {
  const encoded = text.slice(PREFIX.length);
  if (!text.startsWith(PREFIX) || !BASE64.test(encoded) || encoded.length % 4 !== 0) return false;
  const { length } = Buffer.from(encoded, 'base64');
  return length >= 24 && length <= 64;
}

/** Makes a secret of 24 to 64 random bytes. */
export function makeSecret(bytes: Uint8Array): string {
  if (bytes.length < 24 || bytes.length > 64) {
    throw new RangeError(`a webhook secret has 24 to 64 bytes, not ${bytes.length}`);
  }
  return PREFIX + Buffer.from(bytes).toString('base64');
}

/**
 * Signs with every live secret, in order; while a secret is rotated there are several, and a receiver accepts any of them.
 * Throws on an empty list and on what {@link isSecret} refuses, without repeating it.
 */
export function signHeaders({ id, at, body }: Signable, secrets: readonly string[]): SignedHeaders {
  if (secrets.length === 0) throw new TypeError('no webhook secret to sign with');
  if (!secrets.every(isSecret)) throw new TypeError('a webhook secret is not whsec_ + base64');
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, new Date(at), body));
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / 1000)),
    'webhook-signature': signatures.join(' '),
  };
}
