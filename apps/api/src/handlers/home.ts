/** GET / and GET /admin: where things are. */
import type { Api } from '../api.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { linksReply } from '../links.ts';

export const home = (_api: Api, request: ApiRequest): Reply =>
  linksReply(request, {
    title: 'Sluice',
    says: 'Inference jobs and batches over all your keys. OpenAI clients take this address with /v1 as their base URL.',
    at: {
      '/docs': 'every route, to read',
      '/openapi.json': 'every route, for programs',
      '/v1/models': 'what a request can name as its model',
      '/admin': 'queues, pools, deployments, budgets',
      '/metrics': 'figures for Prometheus',
      '/readyz': 'whether jobs are accepted and placed: Redis is there and a dispatcher leads',
      '/healthz': 'whether this process lives',
    },
  });

export const adminHome = (_api: Api, request: ApiRequest): Reply =>
  linksReply(request, {
    title: 'Sluice: admin',
    says: 'Live figures of this installation.',
    at: {
      '/admin/queues/': 'Bull Board: what waits and runs',
      '/admin/pools': 'who serves what clients name, and with what share',
      '/admin/deployments': 'state, share, calls and limits of each deployment',
      '/admin/plan': 'which lines of batches go where, and why',
      '/admin/budgets': 'what of each limit is used now',
      '/admin/dead':
        'jobs and lines that are out of attempts; to run them again: POST /admin/dead/replay',
      '/admin/usage': 'jobs, tokens and cost by hour, tenant, pool, deployment or project',
      '/metrics': 'the same for Prometheus',
      '/docs': 'every route',
    },
  });
