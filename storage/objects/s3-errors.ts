// Turns what the AWS SDK throws into the project's errors: a table from error code to class and remedy.
import { AssayError, InputError, ResourceError, TransientError } from '../../schemas/errors.js';
import type { StoreCall } from './store-errors.js';

type Kind = 'input' | 'resource' | 'transient';

interface Row {
  readonly codes: readonly string[];
  readonly statuses: readonly number[];
  readonly kind: Kind;
  readonly expected: string;
  readonly remedy: string;
}

/** First match wins: codes of all rows before statuses of any. */
const TABLE: readonly Row[] = [
  {
    codes: ['NoSuchBucket', 'InvalidBucketName'],
    statuses: [],
    kind: 'input',
    expected: 'an existing bucket',
    remedy: 'create the bucket or correct the store URL s3://bucket/prefix',
  },
  {
    codes: [
      'PermanentRedirect',
      'AuthorizationHeaderMalformed',
      'IllegalLocationConstraintException',
      'TemporaryRedirect',
    ],
    statuses: [301, 307],
    kind: 'input',
    expected: "the bucket's own region",
    remedy: 'set storeOptions.region (or AWS_REGION) to the region of the bucket',
  },
  {
    codes: ['RequestTimeTooSkewed', 'RequestExpired'],
    statuses: [],
    kind: 'resource',
    expected: "this machine's clock to agree with the store's within 15 minutes",
    remedy: 'set the clock (for example by NTP), then `assay resume`',
  },
  {
    codes: [
      'XMinioStorageFull',
      'InsufficientStorage',
      'XMinioAdminBucketQuotaExceeded',
      'QuotaExceeded',
      'XMinioDiskFull',
    ],
    statuses: [507],
    kind: 'resource',
    expected: 'room in the store',
    remedy:
      'free space or raise the quota (`assay gc --apply`), then go on (a run: `assay resume`; else the same command again)',
  },
  {
    codes: ['NotImplemented', 'UnsupportedOperation'],
    statuses: [501],
    kind: 'resource',
    expected: 'a store with conditional writes (If-None-Match) and ranged reads',
    remedy: 'use another store or a newer version of it; `assay doctor` shows what it lacks',
  },
  {
    codes: [
      'AccessDenied',
      'AllAccessDisabled',
      'InvalidAccessKeyId',
      'SignatureDoesNotMatch',
      'ExpiredToken',
      'InvalidToken',
      'CredentialsProviderError',
      'CredentialsError',
      'AccountProblem',
      'Forbidden',
    ],
    statuses: [401, 403],
    kind: 'resource',
    expected: 'rights to the bucket (get, put, delete, list)',
    remedy: 'correct the credentials in the environment (AWS_ACCESS_KEY_ID …) or the policy of the bucket',
  },
  {
    codes: [
      'SlowDown',
      'ServiceUnavailable',
      'InternalError',
      'RequestTimeout',
      'TimeoutError',
      'ThrottlingException',
      'ConditionalRequestConflict',
      'BadDigest',
      'XAmzContentChecksumMismatch',
      'XAmzContentSHA256Mismatch',
    ],
    statuses: [408, 409, 425, 429],
    kind: 'transient',
    expected: 'the store to answer',
    remedy: 'check that the store runs and is not overloaded, then try again',
  },
];

/** The project's error for a failed request; errors of the project pass through. */
export function s3Error(error: unknown, call: StoreCall): unknown {
  if (error instanceof AssayError || !(error instanceof Error)) return error;
  const code = s3CodeOf(error);
  const status = s3StatusOf(error);
  const row = rowOf(code, status);
  const region = regionOf(error);
  const found = [code, status === undefined ? '' : `HTTP ${status}`, error.message, region]
    .filter((part) => part !== '')
    .join(', ');
  const text = `Expected ${row.expected}, found: ${found} (operation: ${call.operation}, key: ${call.key}, store: ${call.url}); ${row.remedy}.`;
  const details = { ...call, code, status };
  const options = { cause: error };
  if (row.kind === 'input') return new InputError(text, details, options);
  if (row.kind === 'resource') return new ResourceError(text, details, options);
  return new TransientError(text, details, options);
}

/** S3's error code, or the network's, or the error's name. */
export function s3CodeOf(error: Error): string {
  const named = error as Error & { readonly Code?: unknown; readonly code?: unknown };
  if (typeof named.Code === 'string') return named.Code;
  if (error.name !== 'Error' && error.name !== 'Unknown' && error.name !== 'UnknownError') {
    return error.name;
  }
  return typeof named.code === 'string' ? named.code : error.name;
}

/** HTTP status of the answer, where there was one. */
export function s3StatusOf(error: Error): number | undefined {
  const meta = (error as { readonly $metadata?: { readonly httpStatusCode?: unknown } }).$metadata;
  return typeof meta?.httpStatusCode === 'number' ? meta.httpStatusCode : undefined;
}

/** Whether the store said that there is no such object. */
export function isAbsent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = s3CodeOf(error);
  return code === 'NoSuchKey' || code === 'NotFound';
}

function rowOf(code: string, status: number | undefined): Row {
  const byCode = TABLE.find((row) => row.codes.includes(code));
  if (byCode !== undefined) return byCode;
  const byStatus = TABLE.find((row) => status !== undefined && row.statuses.includes(status));
  if (byStatus !== undefined) return byStatus;
  const refused = status !== undefined && status >= 400 && status < 500;
  if (refused) {
    return {
      codes: [],
      statuses: [],
      kind: 'resource',
      expected: 'the store to accept the request',
      remedy: 'check the store URL and storeOptions; `assay doctor` shows what the store can do',
    };
  }
  return {
    codes: [],
    statuses: [],
    kind: 'transient',
    expected: 'the store to be reachable',
    remedy: 'check the endpoint in storeOptions and that the store runs, then try again',
  };
}

function regionOf(error: Error): string {
  const response = (error as { readonly $response?: { readonly headers?: unknown } }).$response;
  const headers = response?.headers;
  if (typeof headers !== 'object' || headers === null) return '';
  const region = (headers as Record<string, unknown>)['x-amz-bucket-region'];
  return typeof region === 'string' ? `the bucket lies in region ${region}` : '';
}
