/** The file store of the installation: reachable, and a file can be written, read and removed. */
import type { Installation } from '@sluice/config';
import { refuseStore } from '@sluice/files';
import { join } from 'node:path';
import { good, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

const ABOUT = 'files';

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
