/** /openapi.json and /docs, made once. */
import type { Api } from '../api.ts';
import { docsPage, docsPolicy } from '../docs-page.ts';
import type { Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';

export const openapi = ({ description }: Api): Reply => ok(description);

export const docs = (): Reply => ({
  status: 200,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': docsPolicy,
  },
  text: docsPage,
});
