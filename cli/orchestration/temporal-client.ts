// The command line's connection to Temporal: the environment's address, else the one of the nearest local stack.
import { readFile } from 'node:fs/promises';
import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { AssayError, InputError, ResourceError, TransientError } from '../../schemas/errors.js';
import { channelArgsFor, proxyFor } from '../../schemas/proxies.js';
import { temporalCredentials } from '../../schemas/temporal-environment.js';
import type { CommandContext } from '../command.js';
import { findLocalConfig } from '../local-config.js';
import { tellWait } from '../waiting.js';

export interface TemporalAddress {
  readonly address: string;
  readonly namespace: string;
  /** Temporal's own web page, where it is known. */
  readonly web: string | null;
}

const DEFAULT_ADDRESS = '127.0.0.1:7233';

/** Where Temporal is thought to be; nothing is asked. */
export async function temporalAddress(context: CommandContext): Promise<TemporalAddress> {
  const { environment, io } = context;
  const local = (await findLocalConfig(io.cwd))?.config.temporal;
  if (environment.temporalAddress !== null) {
    return {
      address: environment.temporalAddress,
      namespace: environment.temporalNamespace,
      web: null,
    };
  }
  if (local) return { address: local.address, namespace: local.namespace, web: local.web ?? null };
  return { address: DEFAULT_ADDRESS, namespace: environment.temporalNamespace, web: null };
}

/** Runs `body` with a client. @throws TransientError (exit code 3) when no server answers */
export async function withTemporal<T>(
  context: CommandContext,
  body: (client: Client, at: TemporalAddress) => Promise<T>,
): Promise<T> {
  const at = await temporalAddress(context);
  const connection = await connect(at, context);
  try {
    return await body(new Client({ connection, namespace: at.namespace }), at);
  } catch (error) {
    throw answerError(error, at);
  } finally {
    await connection.close();
  }
}

const CONNECT_SECONDS = 5;

async function connect(at: TemporalAddress, { io, output }: CommandContext): Promise<Connection> {
  try {
    const credentials = await temporalCredentials(io.environment, (path) => readFile(path));
    const connecting = Connection.connect({
      address: at.address,
      connectTimeout: CONNECT_SECONDS * 1000,
      channelArgs: channelArgsFor(at.address),
      ...credentials,
    });
    const line = `waiting for a Temporal server at ${at.address}, at most ${CONNECT_SECONDS} s`;
    return await tellWait(output, line, connecting);
  } catch (error) {
    throw noAnswer(at.address, io.environment, error);
  }
}

/** Codes of gRPC by what they mean for whoever asked. */
const CODES = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** What the server found wrong with what it was asked; null for an error of another kind. */
export function refusalOf(error: unknown): string | null {
  const answer = grpcAnswer(error);
  return answer?.code === CODES.invalidArgument ? answer.details : null;
}

function grpcAnswer(error: unknown): { readonly code: number; readonly details: string } | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (isGrpcServiceError(cause)) return { code: cause.code, details: cause.details };
  return null;
}

/** The error that a server's answer means: whose fault it is, the user's, a right's, or nobody's. */
export function answerError(
  error: unknown,
  { address, namespace }: Pick<TemporalAddress, 'address' | 'namespace'>,
): unknown {
  const answer = error instanceof AssayError ? null : grpcAnswer(error);
  if (answer === null) return error;
  const { code, details: said } = answer;
  const details = { address, namespace, code };
  const text = `The Temporal server at ${address} (namespace ${namespace}) answered: ${said}.`;
  switch (code) {
    case CODES.invalidArgument:
    case CODES.notFound:
    case CODES.failedPrecondition:
      return new InputError(
        `${text} Correct what it names; docs/operations.md says what Assay expects of a server.`,
        details,
        {
          cause: error,
        },
      );
    case CODES.permissionDenied:
    case CODES.unauthenticated:
      return new ResourceError(
        `${text} Correct the credentials (TEMPORAL_API_KEY, TEMPORAL_TLS_…) or the rights.`,
        details,
        {
          cause: error,
        },
      );
    case CODES.deadlineExceeded:
    case CODES.resourceExhausted:
    case CODES.unavailable:
      return new TransientError(`${text} Try again.`, details, { cause: error });
    default:
      return error;
  }
}

/** Says that nobody answers, and names the proxy that the question went through. */
export function noAnswer(
  address: string,
  variables: Readonly<Record<string, string | undefined>>,
  cause: unknown,
): TransientError {
  const proxy = proxyFor(address, variables);
  const start = 'Start one with `assay up`, or set TEMPORAL_ADDRESS.';
  if (proxy === null)
    return new TransientError(`No Temporal server answers at ${address}. ${start}`, { address }, { cause });
  const { url, variable } = proxy;
  return new TransientError(
    `No Temporal server answers at ${address} through the proxy ${url} of ${variable}. Where no proxy is wanted, name the host in no_proxy. ${start}`,
    { address, proxy: url, variable },
    { cause },
  );
}

/** The web page of a workflow, where the server's page is known. */
export function workflowPage(at: TemporalAddress, workflowId: string): string | null {
  return at.web === null ? null : `${at.web}/namespaces/${at.namespace}/workflows/${encodeURIComponent(workflowId)}`;
}
