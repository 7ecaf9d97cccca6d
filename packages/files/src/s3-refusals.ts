/** What a bucket's store refuses because of who asks or where, and what to do about it. Names no secret. */

const DENIED = 'access is denied; allow s3:GetObject, PutObject, DeleteObject and ListBucket on it';
const REGION = 'it lies in another region; correct `files.region`';

/** By the name of the error. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['NoSuchBucket', 'there is no such bucket; make it, or correct `files.bucket`'],
  ['AccessDenied', DENIED],
  ['InvalidAccessKeyId', 'the access key is unknown there; correct `files.access_key_id`'],
  ['SignatureDoesNotMatch', 'the secret key is wrong; correct `files.secret_access_key`'],
  ['RequestTimeTooSkewed', 'its clock and the one here differ; set them right'],
  ['ExpiredToken', 'the credentials have expired; renew them'],
  [
    'CredentialsProviderError',
    'no credentials were found; set `files.access_key_id` and `files.secret_access_key`, or those of the AWS tools',
  ],
  ['PermanentRedirect', REGION],
  ['AuthorizationHeaderMalformed', REGION],
]);

/** Null = no matter of the credentials or the bucket: the store is away, or it is about one object. */
export function refusalOf(error: unknown): string | null {
  const { name, $metadata } = error as {
    name: string;
    $metadata?: { httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  // An answer without a body says no more than its status.
  const denied = status === 401 || status === 403 ? DENIED : null;
  return ADVICE.get(name) ?? denied;
}
