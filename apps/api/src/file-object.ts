/** Files and uploads as the API shows them (wire-spec 1.2, 1.3). */
import type { FileRecord, StoredUpload, UploadPart } from '@sluice/ledger';

const seconds = (ms: number): number => Math.floor(ms / 1000);

export const fileObject = (file: FileRecord) => ({
  id: file.id,
  object: 'file' as const,
  bytes: file.bytes,
  created_at: seconds(file.createdAt),
  ...(file.expiresAt === null ? {} : { expires_at: seconds(file.expiresAt) }),
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
  created_at: seconds(upload.createdAt),
  expires_at: seconds(upload.expiresAt),
  filename: upload.filename,
  purpose: upload.purpose,
  status: upload.status,
  file: file && fileObject(file),
});

export const partObject = (uploadId: string, part: UploadPart) => ({
  id: part.id,
  object: 'upload.part' as const,
  created_at: seconds(part.createdAt),
  upload_id: uploadId,
});
