// Each refusal of an S3 server becomes an error of the right class with the remedy; a store without conditional writes
// is turned away.
import { describe, expect, it } from 'vitest';
import { InputError, ResourceError } from '../../schemas/errors.js';
import { assertUsableStore } from '../../storage/probe/probe-store.js';
import { failureOf } from '../harness/failure-of.js';
import { answers, fails, serves } from './fault-server.js';
import { scriptedStore } from './scripted-store.js';

const s3 = scriptedStore();
const body = Buffer.from('some content');

describe('refusals', () => {
  const cases = [
    {
      name: 'access denied',
      answer: fails(403, 'AccessDenied'),
      type: ResourceError,
      text: /rights to the bucket.*AccessDenied, HTTP 403.*create.*a\/b.*credentials/s,
    },
    {
      name: 'an unknown access key',
      answer: fails(403, 'InvalidAccessKeyId'),
      type: ResourceError,
      text: /rights.*InvalidAccessKeyId.*credentials/s,
    },
    {
      name: 'a wrong region (301)',
      answer: fails(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'us-west-2' }),
      type: InputError,
      text: /own region.*PermanentRedirect.*us-west-2.*storeOptions\.region/s,
    },
    {
      name: 'a wrong region (400)',
      answer: fails(400, 'AuthorizationHeaderMalformed', { 'x-amz-bucket-region': 'us-west-2' }),
      type: InputError,
      text: /own region.*AuthorizationHeaderMalformed.*storeOptions\.region/s,
    },
    {
      name: 'a clock that is wrong',
      answer: fails(403, 'RequestTimeTooSkewed'),
      type: ResourceError,
      text: /clock.*15 minutes.*RequestTimeTooSkewed.*create.*a\/b.*set the clock/s,
    },
    {
      name: 'a bucket that is not there',
      answer: fails(404, 'NoSuchBucket'),
      type: InputError,
      text: /existing bucket.*NoSuchBucket.*create the bucket/s,
    },
    {
      name: 'a full store (507)',
      answer: fails(507, 'InsufficientStorage'),
      type: ResourceError,
      text: /room in the store.*InsufficientStorage.*create.*a\/b.*gc --apply/s,
    },
    {
      name: "a full store (MinIO's code)",
      answer: fails(507, 'XMinioStorageFull'),
      type: ResourceError,
      text: /room in the store.*XMinioStorageFull.*free space/s,
    },
    {
      name: 'conditional writes not known',
      answer: fails(501, 'NotImplemented'),
      type: ResourceError,
      text: /conditional writes.*NotImplemented.*assay doctor/s,
    },
    {
      name: 'another refusal',
      answer: fails(400, 'InvalidRequest'),
      type: ResourceError,
      text: /accept the request.*InvalidRequest, HTTP 400.*storeOptions/s,
    },
  ];
  it.each(cases)('says what to do about $name', async ({ answer, type, text }) => {
    s3.server.script(answer);
    const error = await failureOf(s3.store.putIfAbsent('a/b', body));
    expect(error).toBeInstanceOf(type);
    expect(error.message).toMatch(text);
    expect(error.details).toMatchObject({
      operation: 'create',
      key: 'a/b',
      url: 's3://bucket/prefix',
    });
  });

  it('names a refusal of HEAD although it has no body', async () => {
    s3.server.script(answers(403));
    const error = await failureOf(s3.store.head('a/b'));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toMatch(/rights.*HTTP 403.*head.*a\/b/s);
  });

  it('says that credentials are missing', async () => {
    const saved = { ...process.env };
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    try {
      const error = await failureOf((await s3.open()).get('a/b'));
      expect(error).toBeInstanceOf(ResourceError);
      expect(error.message).toMatch(/rights.*CredentialsProviderError.*AWS_ACCESS_KEY_ID/s);
    } finally {
      Object.assign(process.env, saved);
      delete process.env['AWS_EC2_METADATA_DISABLED'];
    }
  });

  it('refuses a store that ignores conditions, with the table of results', async () => {
    const objects = new Map<string, Buffer>();
    s3.server.script((request, response) => {
      const key = request.url.split('?')[0] ?? '';
      if (request.method === 'PUT') objects.set(key, request.body);
      if (request.method === 'GET') {
        serves(objects.get(key) ?? Buffer.of())(request, response);
        return;
      }
      const modified = new Date().toUTCString();
      response.writeHead(200, { etag: '"one"', 'content-length': 0, 'last-modified': modified });
      response.end();
    });
    const error = await failureOf(assertUsableStore(s3.store));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toMatch(/FAIL {2}racing conditional writes +16 of 16 writers won/);
    expect(error.message).toMatch(/FAIL {2}second write refused/);
    expect(error.message).toMatch(/ok {4}ranged read/);
    expect(error.message).toMatch(/FAIL {2}damaged upload refused/);
  });
});
