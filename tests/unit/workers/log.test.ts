// A worker's log is JSON, line by line: what Node or a library warns of is one of its lines, not text between them.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLog, takeWarnings } from '../../../workers/log.js';

const before = process.listeners('warning');
beforeEach(() => {
  process.on('warning', () => console.error('as text'));
});
afterEach(() => {
  process.removeAllListeners('warning');
  for (const listener of before) process.on('warning', listener);
  vi.restoreAllMocks();
});

it('a warning becomes a line of the log and is not printed', async () => {
  const text = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const lines: string[] = [];
  takeWarnings(createLog({ level: 'info', hostId: 'h' }, (line) => lines.push(line)));
  process.emitWarning('this buffer is old', 'DeprecationWarning');
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    ...{ level: 40, host: 'h', warning: 'DeprecationWarning', msg: 'this buffer is old' },
  });
  expect(text).not.toHaveBeenCalled();
});
