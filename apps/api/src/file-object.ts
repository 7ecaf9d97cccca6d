/** Files and uploads as the API shows them (wire-spec 1.2, 1.3). */
import type { FileRecord, StoredUpload, UploadPart } from '@sluice/ledger';
import { unixSeconds } from './unix-seconds.ts';

export const fileObject = (file: FileRecord) => ({
  id: file.id,
  object: 'file' as const,
  bytes: file.bytes,
  created_at: unixSeconds(file.createdAt),
  ...(file.expiresAt === null ? {} : { expires_at: unixSeconds(file.expiresAt) }),
  filename: file.filename,
  purpose: file.purpose,
  /** `uploaded` would make the SDKs' waitForProcessing wait for half an hour. */
  status: 'processed' as const,
  status_details: null,
});

export const uploadObject = (upload: StoredUpload, file: FileRecord | null) => ({
  id: upload.id,
  object: 'upload' as const,
  bytes: upload.bytes,
  created_at: unixSeconds(upload.createdAt),
  expires_at: unixSeconds(upload.expiresAt),
  filename: upload.filename,
  purpose: upload.purpose,
  status: upload.status,
  file: file && fileObject(file),
});

export const partObject = (uploadId: string, part: UploadPart) => ({
  id: part.id,
  object: 'upload.part' as const,
  created_at: unixSeconds(part.createdAt),
  upload_id: uploadId,
});
