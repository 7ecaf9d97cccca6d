/** A job as an answer: with its result, however large, as the provider wrote it. */
import { jobText } from '@sluice/ledger';
import type { JobHead } from '@sluice/ledger';
import type { Job } from '@sluice/job';
import type { Api } from './api.ts';
import { noSuch } from './find-job.ts';
import type { Reply } from './http/message.ts';

/** Throws 404 when it has gone meanwhile. */
export const wholeJob = async (api: Pick<Api, 'reads'>, job: JobHead): Promise<JobHead> =>
  (await api.reads.whole(job)) ?? noSuch('job', job.id);

export const jobReply = async (
  api: Pick<Api, 'reads'>,
  job: JobHead,
  more: Pick<Job, 'waiting'> = {},
) => ({ status: 200, text: jobText(await wholeJob(api, job), more) }) satisfies Reply;
