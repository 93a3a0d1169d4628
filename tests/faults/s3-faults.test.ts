// The S3 driver against a scripted server that fails: what is repeated, how a body that broke off goes on, when it
// gives up and with which error.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DataError, InputError, ResourceError, TransientError } from '../../schemas/errors.js';
import { listCommitInputs } from '../../storage/records/commits.js';
import { getData } from '../../storage/records/data-stream.js';
import { failureOf } from '../harness/failure-of.js';
import { patternBytes } from '../conformance/store-conformance.js';
import { answers, cutsAfter, fails, serves, silent, stallsAfter } from './fault-server.js';
import { LIMITS, scriptedStore } from './scripted-store.js';

const s3 = scriptedStore();
const body = Buffer.from('some content');

describe('requests that fail for a while', () => {
  it('repeats a write after 503 with the same bytes and the condition', async () => {
    s3.server.script(fails(503, 'SlowDown'), answers(200, { etag: '"one"' }));
    expect(await s3.store.putIfAbsent('a/b', body)).toBe('created');
    expect(s3.server.requests.map((r) => [r.method, r.url.split('?')[0]])).toEqual([
      ['PUT', '/bucket/prefix/a/b'],
      ['PUT', '/bucket/prefix/a/b'],
    ]);
    for (const request of s3.server.requests) {
      expect(request.headers['if-none-match']).toBe('*');
      expect(request.body.equals(body)).toBe(true);
    }
  });

  it('repeats a write that lost a race without a winner (409), then takes 412 as exists', async () => {
    s3.server.script(fails(409, 'ConditionalRequestConflict'), fails(412, 'PreconditionFailed'));
    expect(await s3.store.putIfAbsent('a/b', body)).toBe('exists');
    expect(s3.server.requests).toHaveLength(2);
  });

  it('gives up on a race that never ends, as transient, naming operation and key', async () => {
    s3.server.script(fails(409, 'ConditionalRequestConflict'));
    const error = await failureOf(s3.store.putIfAbsent('a/b', body));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/ConditionalRequestConflict.*create.*a\/b.*try again/s);
    expect(s3.server.requests).toHaveLength(8);
  });

  it('gives up on a server that answers only 503, as transient', async () => {
    s3.server.script(fails(503, 'ServiceUnavailable'));
    const error = await failureOf(s3.store.get('a/b'));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/ServiceUnavailable, HTTP 503.*read.*a\/b.*s3:\/\/bucket\/prefix/s);
    expect(s3.server.requests).toHaveLength(LIMITS.attempts);
  });

  it('ends requests to a server that never answers by the time-out', async () => {
    s3.server.script(silent);
    const started = Date.now();
    const error = await failureOf(s3.store.head('a/b'));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/TimeoutError.*head.*a\/b.*check that the store runs/s);
    expect(s3.server.requests).toHaveLength(LIMITS.attempts);
    expect(Date.now() - started).toBeLessThan(10_000);
  });
});

describe('bodies that break off', () => {
  const content = patternBytes(300_000);
  const sha256 = createHash('sha256').update(content).digest('hex');

  it('goes on by Range and If-Match where the connection was cut', async () => {
    s3.server.script(cutsAfter(content, 100_000), cutsAfter(content, 50_000), serves(content));
    const read = await getData(s3.store, { key: 'data/x', sha256 });
    expect(Buffer.compare(read, content)).toBe(0);
    const [first, second, third] = s3.server.requests;
    expect(first?.headers.range).toBeUndefined();
    expect(second?.headers.range).toMatch(/^bytes=\d+-$/);
    const from = (r: typeof second): number => Number(/=(\d+)-/.exec(r?.headers.range ?? '')?.[1]);
    expect(from(second)).toBeGreaterThan(0);
    expect(from(third)).toBeGreaterThan(from(second));
    expect(second?.headers['if-match']).toBe('"one"');
    expect(third?.headers['if-match']).toBe('"one"');
  });

  it('goes on within a range, asking only for what is missing of it', async () => {
    s3.server.script(cutsAfter(content, 30_000), serves(content));
    const read = await s3.store.getRange('data/x', 1000, 200_000);
    expect(Buffer.compare(read, content.subarray(1000, 201_000))).toBe(0);
    expect(s3.server.requests[0]?.headers.range).toBe('bytes=1000-200999');
    expect(s3.server.requests[1]?.headers.range).toMatch(/^bytes=\d+-200999$/);
    expect(s3.server.requests[1]?.headers.range).not.toBe('bytes=1000-200999');
  });

  it('goes on where the body stalled', async () => {
    s3.server.script(stallsAfter(content, 100_000), serves(content));
    expect(Buffer.compare((await s3.store.get('data/x')) ?? Buffer.of(), content)).toBe(0);
    expect(s3.server.requests[1]?.headers.range).toMatch(/^bytes=\d+-$/);
  });

  it('gives up on bodies that never bring a byte further, saying how far it came', async () => {
    s3.server.script(cutsAfter(content, 1000), fails(503, 'SlowDown'));
    expect(await failureOf(s3.store.get('data/x'))).toBeInstanceOf(TransientError);
    s3.server.script(cutsAfter(content, 0));
    const error = await failureOf(s3.store.get('data/x'));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/broke off after 0 bytes, 3 times.*read.*data\/x.*network/s);
  });

  it('refuses to join halves of two objects: the second no longer matches the tag', async () => {
    s3.server.script(cutsAfter(content, 100_000), fails(412, 'PreconditionFailed'));
    const error = await failureOf(s3.store.get('data/x'));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/data\/x.*stay as it was.*removed or replaced/s);
  });

  it('refuses content of another digest, naming key and both digests', async () => {
    const other = createHash('sha256').update('other').digest('hex');
    s3.server.script(serves(content));
    const error = await failureOf(getData(s3.store, { key: 'data/x', sha256: other }));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain(other);
    expect(error.message).toContain(sha256);
    expect(error.message).toMatch(/data\/x.*damaged/s);
  });

  it("refuses a body that does not match the store's own checksum, after trying again", async () => {
    s3.server.script((_request, response) => {
      response.writeHead(200, {
        etag: '"one"',
        'content-length': 5,
        'x-amz-checksum-crc32': 'AAAAAA==',
        'x-amz-checksum-type': 'FULL_OBJECT',
      });
      response.end('12345');
    });
    const error = await failureOf(s3.store.get('data/x'));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/checksum.*3 times.*data\/x/s);
    expect(s3.server.requests).toHaveLength(3);
  });

  it('refuses a store that answers a range with the whole object', async () => {
    s3.server.script((_request, response) => {
      response.writeHead(200, { etag: '"one"', 'content-length': 10 });
      response.end('0123456789');
    });
    const error = await failureOf(s3.store.getRange('data/x', 2, 3));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toMatch(/bytes=2-4 only.*whole object.*data\/x/s);
  });

  it('stops at once when the caller aborts in mid-body', async () => {
    s3.server.script(stallsAfter(content, 1000));
    const slow = await s3.open({ stallMs: 60_000 });
    const abort = new AbortController();
    const reason = new InputError('stopped');
    setTimeout(() => abort.abort(reason), 150);
    expect(await failureOf(slow.get('data/x', { signal: abort.signal }))).toBe(reason);
    expect(s3.server.requests).toHaveLength(1);
    await slow.close();
  });
});

describe('requests', () => {
  it('lists 1,000 commits by one request', async () => {
    const key = 'a'.repeat(64);
    const inputs = Array.from({ length: 1000 }, (_, i) => i.toString(16).padStart(64, '0'));
    const contents = inputs.map(
      (input) =>
        `<Contents><Key>prefix/commits/tokens/${key}/${input}.json</Key><Size>9</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`,
    );
    s3.server.script((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/xml' });
      response.end(`<ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`);
    });
    const listed = await listCommitInputs(s3.store, 'tokens', key);
    expect([...listed]).toEqual(inputs);
    expect(s3.server.requests).toHaveLength(1);
    expect(s3.server.requests[0]?.url).toContain('list-type=2');
  });
});
