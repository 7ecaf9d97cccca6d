/** The parts of an HTTP request that all formats build alike. */
import type { Deployment } from '@sluice/job';

/**
 * Headers of a call, later ones win: what the format needs, the provider's, the deployment's (an operator who sets
 * `api-key` or `anthropic-version` means it).
 */
export function mergeHeaders(
  base: Record<string, string>,
  { provider, headers }: Deployment,
): Record<string, string> {
  const merged = { 'content-type': 'application/json', ...base };
  for (const more of [provider.headers, headers]) {
    for (const [name, value] of Object.entries(more))
      Object.assign(merged, { [name.toLowerCase()]: value });
  }
  return merged;
}

/** `base` + `path` + the deployment's query; a query in `base` (some gateways want one) is kept. */
export function buildUrl(base: string, path: string, query: Record<string, string>): string {
  const [address = '', given = ''] = base.split('?', 2);
  const more = new URLSearchParams(query).toString();
  const search = [given, more].filter((part) => part !== '').join('&');
  return `${address.replace(/\/+$/, '')}${path}${search === '' ? '' : `?${search}`}`;
}
