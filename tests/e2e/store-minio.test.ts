// The conformance suite, and what only a real server shows, against MinIO on a free port of 127.0.0.1.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError, ResourceError, TransientError } from '../../schemas/errors.js';
import { openStore } from '../../storage/objects/open-store.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { storeConformance } from '../conformance/store-conformance.js';
import { startTestMinio, useCredentials, type TestMinio } from '../servers/minio.js';

let minio: TestMinio;

async function open(url = `s3://${minio.bucket}/some/prefix`): Promise<ObjectStore> {
  return openStore(url, { storeOptions: { endpoint: minio.endpoint, region: 'us-east-1' } });
}

beforeAll(async () => {
  minio = await startTestMinio();
  useCredentials(minio);
}, 90_000);

afterAll(() => minio.stop());

storeConformance({
  name: 's3 (MinIO)',
  open: () => open(),
  openAgain: () => open(),
  largeBytes: 128 * 2 ** 20,
});

describe('MinIO', () => {
  it('keeps two prefixes of one bucket apart', async () => {
    const one = await open(`s3://${minio.bucket}/one`);
    const two = await open(`s3://${minio.bucket}/two`);
    await one.putIfAbsent('a', new Uint8Array([1]));
    expect(await two.get('a')).toBeNull();
    expect(one.addressId).not.toBe(two.addressId);
  });

  it('says which bucket is missing, as wrong input', async () => {
    const store = await open('s3://no-such-bucket/x');
    const failure = store.putIfAbsent('a/b', new Uint8Array([1]));
    await expect(failure).rejects.toThrow(InputError);
    await expect(failure).rejects.toThrow(/NoSuchBucket.*create.*a\/b.*no-such-bucket.*create/s);
  });

  it('says that rights are missing when the secret is wrong', async () => {
    process.env['AWS_SECRET_ACCESS_KEY'] = 'another-secret';
    try {
      const failure = (await open()).get('a/b');
      await expect(failure).rejects.toThrow(ResourceError);
      await expect(failure).rejects.toThrow(/SignatureDoesNotMatch.*read.*a\/b.*credentials/s);
    } finally {
      process.env['AWS_SECRET_ACCESS_KEY'] = minio.password;
    }
  });

  it('says that nobody answers when the server is not there', async () => {
    const store = await openStore('s3://conformance/x', {
      storeOptions: { endpoint: 'http://127.0.0.1:9' },
    });
    const failure = store.get('a/b');
    await expect(failure).rejects.toThrow(TransientError);
    await expect(failure).rejects.toThrow(/ECONNREFUSED.*read.*a\/b.*endpoint/s);
  });
});
