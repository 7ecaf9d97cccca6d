// Loaded into every role before its own code: when the launcher is gone, the role drains and ends by itself.
if (process.channel) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  // The listener alone would keep the role alive.
  process.channel.unref();
}
