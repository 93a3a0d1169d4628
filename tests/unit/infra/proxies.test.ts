// A proxy of the environment never stands between this machine and itself, and is named where it stands before another.
import { createServer, type AddressInfo, type Server } from 'node:net';
import { Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noAnswer } from '../../../cli/orchestration/temporal-client.js';
import { channelArgsFor, isLoopback, proxyFor } from '../../../schemas/proxies.js';

describe('an address of this machine', () => {
  it.each([
    ['127.0.0.1:7233', true],
    ['127.8.9.1', true],
    ['localhost:7233', true],
    ['temporal.localhost:7233', true],
    ['[::1]:7233', true],
    ['::1', true],
    ['0.0.0.0:7233', true],
    ['temporal.example:7233', false],
    ['localhost.example:7233', false],
    ['10.0.0.1:7233', false],
    ['128.0.0.1:7233', false],
  ])('%s: %s', (address, own) => {
    expect(isLoopback(address)).toBe(own);
  });
});

describe('the proxy before an address', () => {
  const variables = { https_proxy: 'http://user:secret@proxy:3128/', no_proxy: '.inner,10.0.0.9' };
  it('is named without its credentials, with the variable', () => {
    expect(proxyFor('temporal.example:7233', variables)).toEqual({ url: 'http://proxy:3128', variable: 'https_proxy' });
  });
  it.each(['127.0.0.1:7233', 'a.inner:7233', '10.0.0.9:7233'])('is none for %s', (address) => {
    expect(proxyFor(address, variables)).toBeNull();
  });
  it('is none where no variable names one that gRPC takes', () => {
    expect(proxyFor('temporal.example:7233', { HTTPS_PROXY: 'http://proxy:1' })).toBeNull();
    expect(proxyFor('temporal.example:7233', { http_proxy: 'socks5://proxy:1' })).toBeNull();
    expect(proxyFor('temporal.example:7233', { http_proxy: 'proxy' })).toBeNull();
  });
});

describe('a command with a proxy in its environment', () => {
  let asked: Server;
  let asks = 0;
  let port = 0;
  beforeEach(async () => {
    asks = 0;
    asked = createServer((socket) => {
      asks += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => asked.listen(0, '127.0.0.1', resolve));
    ({ port } = asked.address() as AddressInfo);
    // gRPC reads these by itself.
    for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy']) vi.stubEnv(name, `http://127.0.0.1:${port}`);
    vi.stubEnv('no_proxy', '');
    vi.stubEnv('no_grpc_proxy', '');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await new Promise((resolve) => asked.close(resolve));
  });

  const connect = (address: string, channelArgs = channelArgsFor(address)): Promise<Connection> =>
    Connection.connect({ address, channelArgs, connectTimeout: 300 });

  it('does not ask the proxy for a server of this machine', async () => {
    // Nothing listens on port 9, so the connection fails either way; what counts is who was asked.
    await expect(connect('127.0.0.1:9')).rejects.toThrow();
    expect(asks).toBe(0);
    await expect(connect('127.0.0.1:9', {})).rejects.toThrow();
    expect(asks).toBeGreaterThan(0);
  });

  it('names the proxy where a server behind it does not answer, and none for this machine', () => {
    expect(noAnswer('temporal.example:7233', process.env, null).message).toContain(
      `answers at temporal.example:7233 through the proxy http://127.0.0.1:${port} of grpc_proxy.`,
    );
    expect(noAnswer('127.0.0.1:7233', process.env, null).message).not.toContain('proxy');
  });
});
