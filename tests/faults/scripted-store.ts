// A store on a server that answers by script, for the tests of one file: started before them and stopped after them.
import { afterAll, beforeAll } from 'vitest';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { openStore } from '../../storage/objects/open-store.js';
import { useCredentials } from '../servers/minio.js';
import { startFaultServer, type FaultServer } from './fault-server.js';

/** Short ones, so that giving up takes no time. */
export const LIMITS = { connectionMs: 500, requestMs: 300, stallMs: 300, attempts: 3 };

export interface ScriptedStore {
  readonly server: FaultServer;
  readonly store: ObjectStore;
  /** Another handle, which the caller closes. */
  open(limits?: Partial<typeof LIMITS>): Promise<ObjectStore>;
}

/** The server and the store; both are there in tests and hooks only. To be called outside of them. */
export function scriptedStore(): ScriptedStore {
  const open = (server: FaultServer, limits: Partial<typeof LIMITS> = {}): Promise<ObjectStore> =>
    openStore('s3://bucket/prefix', {
      storeOptions: { endpoint: server.endpoint, region: 'eu-west-1' },
      limits: { ...LIMITS, ...limits },
    });
  let started: { readonly server: FaultServer; readonly store: ObjectStore } | undefined;
  const running = (): NonNullable<typeof started> => {
    if (started) return started;
    throw new Error('the server runs within tests and hooks only');
  };
  beforeAll(async () => {
    useCredentials({ user: 'scripted', password: 'scripted' });
    const server = await startFaultServer();
    started = { server, store: await open(server) };
  });
  afterAll(async () => {
    await started?.store.close();
    await started?.server.stop();
  });
  return {
    get server() {
      return running().server;
    },
    get store() {
      return running().store;
    },
    open: (limits) => open(running().server, limits),
  };
}
