// Heartbeats of an activity: they tell Temporal that its worker lives, and bring a cancellation back with the answer.
import { Context } from '@temporalio/activity';

/** Several of these fit into each of the heartbeat time-outs of workflows/options.ts. */
const HEARTBEAT_MS = 2000;

/**
 * Heartbeats until the function that it returns is called.
 * @param details of each heartbeat, which a later attempt reads
 */
export function startHeart(details: () => unknown = () => undefined): () => void {
  const context = Context.current();
  const heart = setInterval(() => context.heartbeat(details()), HEARTBEAT_MS);
  return () => clearInterval(heart);
}
