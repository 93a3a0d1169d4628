// The events of a run, one line each, as `logs` shows them. Values that are empty say nothing and are left out; `--json` has all. Pure.
import type { RunEvent } from '../../schemas/records.js';
import { timeText } from './quantities.js';

type Shown = Pick<RunEvent, 'atMs' | 'type' | 'data'>;

/** One line per event. */
export function eventsText(events: readonly Shown[]): string {
  if (events.length === 0) return 'No events yet.';
  return events.map((event) => `${timeText(event.atMs)}  ${event.type}${dataText(event)}`).join('\n');
}

/** How Temporal calls what somebody asked for. */
const ON_REQUEST = 'CancelledFailure';

function dataText({ data }: Shown): string {
  if (data['error'] !== ON_REQUEST) return pairsText(data, '');
  const { error: _error, message: _message, ...others } = data;
  return `${pairsText(others, '')}  on request`;
}

/** `  name=value` for each; what lies in a value of names is called `details.key`. */
function pairsText(data: object, within: string): string {
  const pairs = Object.entries(data) as [string, unknown][];
  return pairs.map(([name, value]) => pairText(within + name, value)).join('');
}

function pairText(name: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return '';
  if (Array.isArray(value)) {
    const plain = value.every((one) => typeof one === 'string' || typeof one === 'number');
    return value.length === 0 ? '' : `  ${name}=${plain ? value.join(',') : JSON.stringify(value)}`;
  }
  if (typeof value === 'object') return pairsText(value, `${name}.`);
  return `  ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
}
