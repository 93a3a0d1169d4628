// Ends a test's server when the test process exits without having stopped it.

/** Kills the process that `pidOf` names at exit. Returns a function that calls this off. */
export function killAtExit(pidOf: () => number): () => void {
  const kill = (): void => {
    try {
      process.kill(pidOf(), 'SIGKILL');
    } catch {
      // Already gone.
    }
  };
  process.once('exit', kill);
  return () => {
    process.off('exit', kill);
  };
}
