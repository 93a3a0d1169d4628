// A Temporal dev server of one's own, with its state in a SQLite file: for local stacks and tests, not for production.
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../schemas/orchestration.js';
import { channelArgsFor } from '../schemas/proxies.js';
import { locateServer } from './locate.js';
import { type RunningServer, startServerProcess, withFreePorts } from './server-process.js';

/** Search attributes that runs are listed by, all of type Keyword. */
const ATTRIBUTES = Object.values(SEARCH_ATTRIBUTES);

export interface TemporalServerOptions {
  /** SQLite file that holds the server's state; starting again on it continues where the server stopped. */
  readonly dbFile: string;
  /** Port of the service; a free one by default. */
  readonly port?: number | undefined;
  /** Port of the web page; a free one by default. */
  readonly uiPort?: number | undefined;
  /** Default: beside the SQLite file. */
  readonly logFile?: string | undefined;
  /** Runs detached and is recorded there. */
  readonly recordFile?: string | undefined;
  /** Path of the program; located by default. */
  readonly program?: string | undefined;
  /** Whether what the server has said outlives a power cut (the default). A killed server loses nothing either way. */
  readonly durable?: boolean | undefined;
}

export interface TemporalServer extends RunningServer {
  /** Address of Temporal's own web page. */
  readonly uiUrl: string;
}

/**
 * A dev server on 127.0.0.1 whose namespace `default` and search attributes are there.
 * @throws ResourceError when the program is missing, or does not come up within 60 s
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const program = options.program ?? (await locateServer('temporal'));
  const dbFile = path.resolve(options.dbFile);
  return withFreePorts([options.port, options.uiPort], async ([port, uiPort]) => {
    const address = `127.0.0.1:${port ?? 0}`;
    const uiUrl = `http://127.0.0.1:${uiPort ?? 0}`;
    const server = await startServerProcess({
      name: 'Temporal',
      program,
      args: serverArgs({ dbFile, port: String(port), uiPort: String(uiPort), durable: options.durable ?? true }),
      env: process.env,
      address,
      info: { uiUrl, dbFile },
      logFile: options.logFile ?? `${dbFile}.log`,
      isReady: () => isReady(address),
      readyMs: 60_000,
      recordFile: options.recordFile,
    });
    return { ...server, uiUrl };
  });
}

interface ServerArgs {
  readonly dbFile: string;
  readonly port: string;
  readonly uiPort: string;
  readonly durable: boolean;
}

function serverArgs({ dbFile, port, uiPort, durable }: ServerArgs): string[] {
  const attributes = ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]);
  // Tasks go into one partition of a queue: of several, a lone worker asks one at a time, and a task in another waits a second or two.
  // All are still read, so that runs in the database of an earlier release go on.
  return [
    ...['server', 'start-dev', '--db-filename', dbFile, '--ip', '127.0.0.1'],
    ...['--port', port, '--ui-port', uiPort, '--log-level', 'warn', ...attributes],
    ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
    // With a write-ahead log each task of a run costs the server less than with SQLite's rollback journal.
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', `synchronous=${durable ? 'FULL' : 'OFF'}`],
  ];
}

/** Whether the namespace is served and every search attribute is registered. */
async function isReady(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: '2s', channelArgs: channelArgsFor(address) });
  try {
    await connection.workflowService.describeNamespace({ namespace: 'default' });
    const found = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    return ATTRIBUTES.every((name) => name in found.customAttributes);
  } finally {
    await connection.close();
  }
}
