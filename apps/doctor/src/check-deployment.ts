/** One smallest call to a deployment: whether it can be reached, takes the key, knows the model, and what it says of itself. */
import type { Deployment, Endpoint, FailureClass, Fleet, Price, Usage } from '@sluice/job';
import { adapterFor, readLimits } from '@sluice/providers';
import type { Adapter, Answer, Body, Caller, ProviderResponse } from '@sluice/providers';
import { compareLimits } from './compare-limits.ts';
import { good, warning, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

export interface CallPorts {
  fleet: Fleet;
  caller: Caller;
  /** At most; a deployment's own timeout_ms if that is shorter. */
  timeoutMs: number;
}

/** In this order: what refuses the first as a bad request may be a model of the second kind. */
const SMALLEST: readonly { endpoint: Endpoint; body: Body }[] = [
  {
    endpoint: '/v1/chat/completions',
    body: { messages: [{ role: 'user', content: 'hi' }], max_tokens: 1 },
  },
  { endpoint: '/v1/embeddings', body: { input: 'hi' } },
];

/** A Date header has whole seconds. */
const SKEW_MS = 5_000;

export async function checkDeployment(
  ports: CallPorts,
  deployment: Deployment,
): Promise<Finding[]> {
  const adapter = adapterFor(deployment.provider.type) as Adapter;
  let findings: Finding[] = [];
  for (const { endpoint, body } of SMALLEST) {
    if (!adapter.endpoints.includes(endpoint)) continue;
    const made = await callOnce(ports, deployment, { adapter, endpoint, body });
    if (made.outcome === 'ok' || findings.length === 0) findings = made.findings;
    if (made.outcome !== 'bad_request') break;
  }
  return findings;
}

interface Smallest {
  adapter: Adapter;
  endpoint: Endpoint;
  body: Body;
}

async function callOnce(
  ports: CallPorts,
  deployment: Deployment,
  { adapter, endpoint, body }: Smallest,
): Promise<{ outcome: Answer['outcome']; findings: Finding[] }> {
  const about = `deployments.${deployment.id}`;
  const { baseUrl } = deployment.provider;
  const request = adapter.buildRequest({ endpoint, body, deployment });
  const timeoutMs = Math.min(ports.timeoutMs, deployment.timeoutMs);
  const sent = await ports.caller.send(request, { timeoutMs });
  if (sent.kind !== 'answer') {
    const outcome = sent.kind === 'timeout' ? 'timeout' : 'network';
    const advice =
      outcome === 'timeout'
        ? `it is slow or stands still: try again, and see whether its status page says so`
        : `check base_url (${baseUrl}), the name's DNS, and what stands between: proxy, firewall`;
    return { outcome, findings: [wrong(about, `${outcome}: ${sent.message}`, advice)] };
  }
  const answer = adapter.readAnswer(endpoint, sent.response);
  const findings = [
    answerFinding(deployment, answer, { path: new URL(request.url).pathname, tookMs: sent.tookMs }),
    ...clockFindings(about, sent.response, sent.tookMs),
    ...(answer.outcome === 'ok'
      ? compareLimits(ports.fleet, deployment, readLimits(sent.response.headers))
      : []),
  ];
  return { outcome: answer.outcome, findings };
}

function answerFinding(
  deployment: Deployment,
  answer: Answer,
  { path, tookMs }: { path: string; tookMs: number },
): Finding {
  const about = `deployments.${deployment.id}`;
  if (answer.outcome === 'ok') {
    const cost = answer.usage && deployment.price ? usdOf(deployment.price, answer.usage) : null;
    const paid =
      cost === null ? 'cost unknown: it has no price' : `cost ${cost.toFixed(6)} US dollars`;
    return good(about, `${deployment.model} answered ${path} in ${tookMs} ms; ${paid}`);
  }
  const says = `${answer.outcome} (HTTP ${answer.statusCode}): ${answer.message}`;
  const advice = ADVICE[answer.outcome];
  return PASSING.has(answer.outcome)
    ? warning(about, says, advice)
    : wrong(
        about,
        says,
        `${pathAdvice(deployment, answer)}${advice.replace('{model}', deployment.model)}`,
      );
}

/** The commonest reason for a 404 of who speaks OpenAI's format. */
function pathAdvice({ provider }: Deployment, { statusCode }: Answer): string {
  const lacks =
    provider.type === 'openai' && !/\/v\d+\/?$/.test(new URL(provider.baseUrl).pathname);
  return statusCode === 404 && lacks ? `base_url (${provider.baseUrl}) may lack /v1; else ` : '';
}

const usdOf = (price: Price, { input_tokens: input, output_tokens: output }: Usage): number =>
  (input * price.input + output * price.output) / 1e6;

/** It works, only not at this moment, or not for this request. */
const PASSING: ReadonlySet<string> = new Set([
  'rate_limited',
  'overloaded',
  'bad_request',
  'content_refused',
  'context_too_long',
]);

const ADVICE: Record<FailureClass, string> = {
  credential: 'put a valid key into api_key of its provider; check that the key may use this model',
  model_gone: 'check `model`: the account does not know {model}; the vendor lists what it has',
  quota_exhausted: 'the account has no money or quota left: top it up, or raise its spending limit',
  rate_limited: 'its key works; others use its limits right now, or they are lower than yours',
  overloaded: 'its key was not refused; the vendor is overloaded right now, try again',
  bad_request: 'it can be reached and takes the key; it did not take this smallest request',
  context_too_long: 'it can be reached and takes the key; its context is tiny',
  content_refused: 'it can be reached and takes the key; it refused the word "hi"',
  provider_error: 'the vendor fails, or base_url is not that of its API (…/v1 for OpenAI’s format)',
  timeout: 'it is slow or stands still: try again',
  network: 'check base_url and what stands between',
  lost: 'try again',
};

function clockFindings(about: string, response: ProviderResponse, tookMs: number): Finding[] {
  const date = Date.parse(response.headers['date'] ?? '');
  if (Number.isNaN(date) || response.receivedAtMs === undefined) return [];
  const skewMs = response.receivedAtMs - tookMs / 2 - date;
  if (Math.abs(skewMs) <= SKEW_MS) return [];
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const says = `this machine's clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} the provider's`;
  return [
    warning(about, says, 'set the clock (NTP): deadlines, retry-after dates and reports go by it'),
  ];
}
