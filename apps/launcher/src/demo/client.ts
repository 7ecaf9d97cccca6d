/** The few requests of the demo, with plain fetch: what any client could send. Throws what went wrong, in a sentence. */

async function request<T>(url: string, init?: RequestInit): Promise<T> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  throw new Error(
    `${init?.method ?? 'GET'} ${new URL(url).pathname}: ${response.status} ${text.slice(0, 300)}`,
  );
}

export const getJson = <T>(url: string): Promise<T> => request<T>(url);

const sendJson = <T>(method: string, url: string, body: unknown): Promise<T> =>
  request<T>(url, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

export const postJson = <T>(url: string, body: unknown): Promise<T> =>
  sendJson<T>('POST', url, body);

export const patchJson = (url: string, body: unknown): Promise<unknown> =>
  sendJson('PATCH', url, body);

/** The new file's id. */
export async function uploadBatchFile(api: string, lines: string): Promise<string> {
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new Blob([lines], { type: 'application/jsonl' }), 'demo.jsonl');
  const { id } = await request<{ id: string }>(`${api}/v1/files`, { method: 'POST', body: form });
  return id;
}
