// An HTTP server that answers by script: only for what real servers cannot be made to show. Each request takes the next
// answer; the last one repeats.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export type Answer = (request: SeenRequest, response: ServerResponse) => void;

export interface FaultServer {
  readonly endpoint: string;
  readonly requests: readonly SeenRequest[];
  /** Forgets what was seen and answers by this script from now on. */
  script(...answers: Answer[]): void;
  stop(): Promise<void>;
}

export async function startFaultServer(): Promise<FaultServer> {
  let answers: Answer[] = [];
  let requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const seen = { method, url, headers, body: Buffer.concat(chunks) };
      requests.push(seen);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      answer?.(seen, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
    script: (...next) => {
      answers = next;
      requests = [];
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An S3 error answer. */
export function fails(status: number, code: string, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/xml', ...headers });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>scripted ${code}</Message></Error>`);
  };
}

/** A whole answer, with the range that was asked for where there was one. */
export function serves(content: Uint8Array): Answer {
  return (request, response) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = Number(range?.[1] ?? 0);
    const to = range?.[2] ? Number(range[2]) + 1 : content.length;
    head(response, { from, to: Math.min(to, content.length), size: content.length, range });
    response.end(content.subarray(from, to));
  };
}

/** Sends `bytes` of what was asked for and breaks the connection. */
export function cutsAfter(content: Uint8Array, bytes: number): Answer {
  return (request, response) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = Number(range?.[1] ?? 0);
    const to = range?.[2] ? Number(range[2]) + 1 : content.length;
    head(response, { from, to: Math.min(to, content.length), size: content.length, range });
    response.write(content.subarray(from, Math.min(to, from + bytes)), () => {
      setTimeout(() => response.destroy(), 20);
    });
  };
}

/** Sends `bytes` of what was asked for, then nothing, and keeps the connection open. */
export function stallsAfter(content: Uint8Array, bytes: number): Answer {
  return (_request, response) => {
    head(response, { from: 0, to: content.length, size: content.length, range: null });
    response.write(content.subarray(0, bytes));
  };
}

/** Takes the request and never answers. */
export const silent: Answer = () => undefined;

/** An answer without a body. */
export function answers(status: number, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end();
  };
}

function head(response: ServerResponse, part: { from: number; to: number; size: number; range: unknown }): void {
  response.writeHead(part.range ? 206 : 200, {
    etag: '"one"',
    'content-length': part.to - part.from,
    'last-modified': new Date(0).toUTCString(),
    ...(part.range ? { 'content-range': `bytes ${part.from}-${part.to - 1}/${part.size}` } : {}),
  });
}
