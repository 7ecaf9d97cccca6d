export { refuseRedis, refuseUnfit } from './check-redis.ts';
export { blockingOn, connectRedis, openRedis, serversOf } from './connect.ts';
export type { ConnectionRole } from './connect.ts';
export { connected } from './connected.ts';
export { RedisClock } from './redis-clock.ts';
export { guardFiles } from './guard-files.ts';
export { agreeOnFiles, compareFiles } from './same-files.ts';
export type { FilesAre } from './same-files.ts';
export { forgetLoose, listLoose, noteBytes } from './loose-bytes.ts';
export { isChunkId, makeKeys, readTogether, SLOT_NUMBERS, USED_UP } from './keys.ts';
export type { Keys, ListKind, ListOf } from './keys.ts';
export { openLedger } from './ledger.ts';
export type { Ledger, UsageRules } from './ledger.ts';
export { addUsage, noUsage, readUsage } from './usage.ts';
export type { CallSums, UsageCell, UsageFigures } from './usage.ts';
export type { Accepted, Idempotency } from './accepting.ts';
export {
  countBacklog,
  countBacklogByPool,
  countShare,
  tenantOf,
  readBacklog,
  readShares,
  removeBacklog,
  shareKey,
  WINDOW_PER_SLOT,
} from './backlog.ts';
export { acceptJob, deleteJob, endJob } from './jobs.ts';
export type { Ending, NewJob, StoredJob } from './jobs.ts';
export { jobText, readJob, readJobHead, withResult } from './reading-jobs.ts';
export type { JobHead } from './reading-jobs.ts';
export { siftBatches, siftJobs } from './sifting.ts';
export { LARGE_BYTES } from './large-texts.ts';
export {
  BATCH_STATUSES,
  createBatch,
  deleteBatch,
  moveBatch,
  linesSeen,
  readBatch,
  readExtents,
  movedFor,
} from './batches.ts';
export { eachOpenBatch } from './open-batches.ts';
export type {
  BatchClass,
  BatchEnd,
  BatchError,
  BatchMove,
  BatchStatus,
  Extent,
  NewBatch,
  Once,
  StoredBatch,
} from './batches.ts';
export {
  createFile,
  deleteFile,
  forgetLapsed,
  listExpired,
  lookAgain,
  readFile,
  releaseFile,
  useFile,
  usersOfFile,
} from './files.ts';
export type { FileRecord } from './files.ts';
export { addPart, createUpload, endUpload, readParts, readUpload } from './uploads.ts';
export type {
  NewUpload,
  StoredUpload,
  UploadEnd,
  UploadEnded,
  UploadPart,
  UploadStatus,
} from './uploads.ts';
export {
  createEndpoint,
  deleteEndpoint,
  disableEndpoint,
  endpointsOf,
  readEndpoint,
  updateEndpoint,
} from './endpoints.ts';
export {
  beginRedelivery,
  deliveryId,
  listDeliveries,
  noteAttempt,
  openDelivery,
  readDelivery,
} from './deliveries.ts';
export type { DeliveryAttempt, DeliveryStatus, StoredDelivery } from './deliveries.ts';
export { listIds, placeOf, readRows, tenantsListed, unlist } from './lists.ts';
export type { ListRow, Reading } from './lists.ts';
export { againAfterMs } from './again-after.ts';
export { forgetStepTrouble, noteStepTrouble, readStepTrouble } from './step-trouble.ts';
export type { StepTrouble } from './step-trouble.ts';
export { forgetWritingTrouble, noteWritingTrouble, readWritingTrouble } from './writing-trouble.ts';
export { forgetUnread, isGone, MISSING_MS, noteUnread, readUnread } from './unread.ts';
export type { Unread } from './unread.ts';
export { Watch } from './watch.ts';
export type { Listener } from './watch.ts';
export {
  checkBy,
  checkLater,
  dropChunk,
  feedChunks,
  forget,
  openChunks,
  placeEntry,
  readOverdue,
  readWaiting,
  splitChunk,
  AS_WANTED,
} from './placing.ts';
export type { Feed, LineHistory, LineRef, Move, Moved, NewChunk, Waiting } from './placing.ts';
export { runningLines } from './running-lines.ts';
export { abortCalls, claimEntry, handBack, renewLeases, storeOutcomes } from './calling.ts';
export type { Claim, ClaimedChunk, ClaimedJob, ClaimResult, OutcomeItem } from './calling.ts';
export {
  finishBatch,
  holdRecorder,
  outcomesLeft,
  readOutcomes,
  recordJob,
  releaseRecorder,
} from './recording.ts';
export { recordLines } from './recording-lines.ts';
export type { LinesEntry, LinesRecord, LinesRecorded, LinesRetry } from './recording-lines.ts';
export type { JobRecord, Recorded, StreamOutcome } from './recording.ts';
export { giveUpLead, raiseToken, takeLead } from './leading.ts';
export { decodeOutcomes, encodeOutcomes } from './outcome-fields.ts';
export type { OutcomeArm, OutcomeMeta } from './outcome-fields.ts';
export { addArms, addArmFigures, noArmFigures, readArms } from './arms.ts';
export type { ArmCell, ArmFigures, ComparedPool } from './arms.ts';
export { addSpending, countedOpen, returnAllowance, settleOpen, takeAllowance } from './tenants.ts';
export type { Allowance, TenantLimits, TenantRequest } from './tenants.ts';
export { answerDryRun, askDryRun, forgetDryRun, readDryRun, readDryRunAnswer } from './dry-runs.ts';
export type {
  Assumption,
  Assumptions,
  DryRun,
  DryRunAnswer,
  Estimate,
  EstimateRange,
  MaybeAssumption,
  PoolEstimate,
} from './dry-runs.ts';
