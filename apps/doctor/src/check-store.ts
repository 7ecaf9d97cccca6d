/** The file store of the installation: reachable, and a file can be written, read and removed. */
import type { Installation } from '@sluice/config';
import { refuseStore, storeMark } from '@sluice/files';
import { compareFiles } from '@sluice/ledger';
import { join } from 'node:path';
import { good, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

const ABOUT = 'files';

/** Whether the files of the Redis lie elsewhere: no process would start. Says nothing where all is well. */
export async function checkSameFiles({ config, environment }: Installation): Promise<Finding[]> {
  const { redisUrl, prefix, dataDir } = environment;
  if (redisUrl === null) return [];
  const store = storeMark(config.files, join(dataDir, 'files'));
  const found = await compareFiles({ redisUrl, prefix, store });
  if (found.kind !== 'other') return [];
  return [wrong(ABOUT, found.reason, 'until then no process starts')];
}

/** A local folder is made when the first file is written, and only then. */
export async function checkStore(
  files: Installation['config']['files'],
  dataDir: string,
): Promise<Finding[]> {
  if (files.store === 'local') return [good(ABOUT, `local folder ${join(dataDir, 'files')}`)];
  const refused = await refuseStore(files, dataDir);
  return refused === null
    ? [good(ABOUT, `bucket ${files.bucket}: written, read and removed a file`)]
    : [wrong(ABOUT, refused, 'without it nothing can be uploaded, run in batches or recorded')];
}
