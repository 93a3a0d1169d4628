// Driver `s3`: objects under a prefix of a bucket, through the AWS SDK. Created once by If-None-Match.
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { sha256Hex } from '../../core/identity/digest.js';
import { InputError, ResourceError } from '../../schemas/errors.js';
import { validateKey, validatePrefix, validateRange } from './keys.js';
import type { CallOptions, ObjectInfo, ObjectStore, StoreCheck } from './object-store.js';
import { pause } from './s3-body.js';
import { connectS3, S3_LIMITS, uploadMs, type S3Connection, type S3Limits, type StoreOptions } from './s3-client.js';
import { isAbsent, s3CodeOf, s3Error, s3StatusOf } from './s3-errors.js';
import { readS3Object, type ByteRange } from './s3-read.js';
import { missingObject, type StoreCall } from './store-errors.js';

/** Attempts at a create that lost a race without a winner (409). */
const CONFLICT_ATTEMPTS = 8;

/** The store at `s3://bucket/prefix`. @throws InputError for another form of URL */
export async function openS3Store(
  url: string,
  options: StoreOptions,
  limits: S3Limits = S3_LIMITS,
): Promise<ObjectStore> {
  const { bucket, prefix } = parseS3Url(url);
  return new S3Store(await connectS3(options, limits), { bucket, prefix, limits });
}

/** Bucket and prefix (without slashes at its ends) of an S3 URL. @throws InputError */
export function parseS3Url(url: string): { readonly bucket: string; readonly prefix: string } {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(url);
  if (match === null) {
    throw new InputError(
      `Expected a store URL s3://bucket/prefix (bucket: 3 to 63 small letters, digits, dots, dashes), found ${JSON.stringify(url)}; correct \`store\`.`,
      { url },
    );
  }
  const prefix = (match[2] ?? '').replace(/\/+$/, '');
  if (prefix !== '') validateKey(prefix);
  return { bucket: match[1] ?? '', prefix };
}

interface Place {
  readonly bucket: string;
  readonly prefix: string;
  readonly limits: S3Limits;
}

class S3Store implements ObjectStore {
  readonly url: string;
  readonly addressId: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #limits: S3Limits;
  readonly #checksums: S3Connection['checksums'];

  constructor(connection: S3Connection, place: Place) {
    this.#client = connection.client;
    this.#checksums = connection.checksums;
    this.#bucket = place.bucket;
    this.#prefix = place.prefix === '' ? '' : `${place.prefix}/`;
    this.#limits = place.limits;
    this.url = `s3://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix}`}`;
    this.addressId = sha256Hex(`${connection.endpoint ?? 'aws'} ${this.url}`).slice(0, 16);
  }

  get(key: string, options?: CallOptions): Promise<Uint8Array | null> {
    const call = this.#call('read', validateKey(key));
    return this.#read(call, null, options);
  }

  // eslint-disable-next-line @typescript-eslint/max-params -- the interface's signature
  async getRange(key: string, offset: number, length: number, options?: CallOptions): Promise<Uint8Array> {
    validateRange(key, offset, length);
    const call = this.#call('read range', validateKey(key));
    if (length === 0) {
      // HTTP has no empty range.
      if ((await this.head(key, options)) === null) throw missingObject(call);
      return new Uint8Array(0);
    }
    const content = await this.#read(call, { offset, length }, options);
    if (content === null) throw missingObject(call);
    return content;
  }

  async head(key: string, options?: CallOptions): Promise<ObjectInfo | null> {
    const call = this.#call('head', validateKey(key));
    const answer = await this.#guard(call, options, async () => {
      try {
        return await this.#client.send(new HeadObjectCommand(this.#target(key)), sending(options));
      } catch (error) {
        if (isAbsent(error)) return null;
        throw error;
      }
    });
    return answer === null ? null : infoOf(call, answer.ContentLength, answer.LastModified);
  }

  async putIfAbsent(key: string, body: Uint8Array, options?: CallOptions): Promise<'created' | 'exists'> {
    const call = this.#call('create', validateKey(key));
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#guard(call, options, async () => {
        try {
          await this.#send(key, body, { once: true, ...options });
          return 'created' as const;
        } catch (error) {
          if (!(error instanceof Error)) throw error;
          const status = s3StatusOf(error);
          if (status === 412) return 'exists' as const;
          // Two writers met and neither won yet; the store asks to try again.
          if (status === 409 && attempt < CONFLICT_ATTEMPTS) return null;
          throw error;
        }
      });
      if (outcome !== null) return outcome;
      await pause(attempt, options?.signal);
    }
  }

  async put(key: string, body: Uint8Array, options?: CallOptions): Promise<void> {
    const call = this.#call('replace', validateKey(key));
    await this.#guard(call, options, () => this.#send(key, body, { once: false, ...options }));
  }

  async *list(prefix: string, options?: CallOptions & { readonly startAfter?: string }): AsyncIterable<ObjectInfo> {
    const call = this.#call('list', validatePrefix(prefix));
    const after = options?.startAfter;
    let token: string | undefined;
    do {
      const page = await this.#guard(call, options, () =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: this.#prefix + prefix,
            StartAfter: after === undefined ? undefined : this.#prefix + after,
            ContinuationToken: token,
          }),
          sending(options),
        ),
      );
      for (const item of page.Contents ?? []) {
        const key = (item.Key ?? '').slice(this.#prefix.length);
        // Folder markers that other tools leave are no objects of ours.
        if (key !== '' && !key.endsWith('/')) yield infoOf({ ...call, key }, item.Size, item.LastModified);
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      if (page.IsTruncated === true && token === undefined) throw cutShort(call);
    } while (token !== undefined);
  }

  async touch(key: string, options?: CallOptions): Promise<void> {
    const call = this.#call('touch', validateKey(key));
    const { Bucket, Key } = this.#target(key);
    const source = `${Bucket}/${Key}`.split('/').map(encodeURIComponent).join('/');
    await this.#guard(call, options, async () => {
      try {
        await this.#client.send(
          new CopyObjectCommand({
            Bucket,
            Key,
            CopySource: source,
            MetadataDirective: 'REPLACE',
            ContentType: 'application/octet-stream',
            Metadata: { touched: String(Date.now()) },
          }),
          sending(options),
        );
      } catch (error) {
        throw isAbsent(error) ? missingObject(call) : error;
      }
    });
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    const call = this.#call('delete', validateKey(key));
    await this.#guard(call, options, () =>
      this.#client.send(new DeleteObjectCommand(this.#target(key)), sending(options)),
    );
  }

  close(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  async driverChecks(scratchKey: string): Promise<StoreCheck[]> {
    const check = 'damaged upload refused';
    if (this.#checksums === 'when_required') {
      return [{ check, ok: true, detail: 'not tried: storeOptions.checksums is when_required' }];
    }
    try {
      await this.#client.send(
        new PutObjectCommand({
          ...this.#target(scratchKey),
          Body: Buffer.from('these bytes'),
          ChecksumCRC32: Buffer.from([1, 2, 3, 4]).toString('base64'),
        }),
      );
    } catch (error) {
      const refused = error instanceof Error && (s3StatusOf(error) ?? 500) < 500;
      const detail = error instanceof Error ? s3CodeOf(error) : String(error);
      return [{ check, ok: refused, detail: refused ? `refused with ${detail}` : detail }];
    }
    await this.delete(scratchKey);
    const detail = 'a wrong CRC32 was accepted; set storeOptions.checksums: when_required';
    return [{ check, ok: false, detail }];
  }

  async #send(key: string, body: Uint8Array, options: CallOptions & { readonly once: boolean }): Promise<void> {
    const command = new PutObjectCommand({
      ...this.#target(key),
      // A buffer, not a stream: the SDK repeats a failed request only for buffers.
      Body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      ContentLength: body.byteLength,
      ...(options.once ? { IfNoneMatch: '*' } : {}),
    });
    await this.#client.send(command, {
      ...sending(options),
      requestTimeout: uploadMs(body.byteLength, this.#limits),
    });
  }

  #read(call: StoreCall, range: ByteRange | null, options: CallOptions | undefined): Promise<Uint8Array | null> {
    const target = this.#target(call.key);
    return readS3Object({
      client: this.#client,
      target,
      call,
      range,
      limits: this.#limits,
      signal: options?.signal,
    });
  }

  #target(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  #call(operation: string, key: string): StoreCall {
    return { operation, key, url: this.url };
  }

  async #guard<T>(call: StoreCall, options: CallOptions | undefined, action: () => Promise<T>): Promise<T> {
    try {
      options?.signal?.throwIfAborted();
      return await action();
    } catch (error) {
      options?.signal?.throwIfAborted();
      throw s3Error(error, call);
    }
  }
}

function sending(options: CallOptions | undefined): { readonly abortSignal?: AbortSignal } {
  return options?.signal === undefined ? {} : { abortSignal: options.signal };
}

/** What is left out must not read as empty and as old as can be. */
function infoOf(call: StoreCall, bytes: number | undefined, modified: Date | undefined): ObjectInfo {
  if (bytes !== undefined && modified !== undefined) return { key: call.key, bytes, modifiedMs: modified.getTime() };
  throw new ResourceError(
    `Expected size and time of modification of ${call.key}, the store gave none (operation: ${call.operation}, store: ${call.url}); use a store that tells them.`,
    { ...call },
  );
}

function cutShort(call: StoreCall): ResourceError {
  return new ResourceError(
    `Expected the rest of a listing, the store said that there is more and not where (operation: ${call.operation}, key: ${call.key}, store: ${call.url}); use a store that lists whole.`,
    { ...call },
  );
}
