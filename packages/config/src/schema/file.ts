/** The whole config file: the one schema, with every default in it. */
import { z } from 'zod';
import { name } from './fields.ts';
import { files } from './files.ts';
import { budget, deployment, pool, provider } from './fleet.ts';
import {
  admin,
  admission,
  dispatch,
  retention,
  retry,
  server,
  tenant,
  usage,
  webhooks,
} from './operation.ts';
import { routes } from './routes.ts';

const named = <T extends z.ZodType>(entry: T) => z.record(name(), entry);

const atLeastOne = (section: object): boolean => Object.keys(section).length > 0;

export const configFile = z.strictObject({
  providers: named(provider)
    .refine(atLeastOne)
    .meta({ allowed: 'a section with at least one provider' })
    .describe(
      'Accounts at vendors, by name. Two keys of one organisation are one limit: see `budgets`.',
    ),
  deployments: named(deployment)
    .refine(atLeastOne)
    .meta({ allowed: 'a section with at least one deployment' })
    .describe('Something callable: account × model × region. (Never a Kubernetes Deployment.)'),
  budgets: named(budget)
    .prefault({})
    .meta({ allowed: 'a section of budgets by name' })
    .describe(
      'Limits that several deployments share. They join the deployments’ own `limits`: all must admit a call.',
    ),
  pools: named(pool)
    .refine(atLeastOne)
    .meta({ allowed: 'a section with at least one pool' })
    .describe('What clients name as the model. A plain list of deployments is a pool of one tier.'),
  routes,
  tenants: named(tenant)
    .prefault({})
    .meta({ allowed: 'a section of tenants by name' })
    .describe('Who may call. Without tenants anyone on loopback may.'),
  admin: admin.optional().describe('Who may see and change everything.'),
  webhooks,
  retry,
  retention,
  files,
  server,
  dispatch,
  admission,
  usage,
});

export type ConfigFile = z.output<typeof configFile>;
