// The list of trigger events, newest first.
import { clock, exponential, fixed, number, temperature } from "/values.js";

const kMostRows = 200;
const kDelays = ["exposure_to_receive_s", "receive_to_result_s", "result_to_send_s", "send_to_reply_s"];
const kQuiet = new Set(["ACKNOWLEDGED", "DRY_RUN"]);

export class Events {
  constructor(body, empty) {
    this.body = body;
    this.empty = empty;
    this.seen = new Set();
  }

  /** True when the event is new; a reconnected page is told of old ones again. */
  add(daemonId, event) {
    const key = `${daemonId}:${event.event_id}`;
    if (this.seen.has(key)) return false;
    this.seen.add(key);
    const row = this.insert(`event-${event.event_id}`);
    this.cell(row, clock(event.time_utc_ns));
    this.cell(row, event.rule);
    this.cell(row, event.sequence);
    this.cell(row, temperature(event.temperature));
    this.cell(row, `${exponential(number(event.value), 2)} / ${exponential(number(event.threshold), 1)}`);
    const quiet = kQuiet.has(event.outcome);
    this.cell(row, event.outcome.replaceAll("_", " ").toLowerCase()).classList.add(quiet ? "good" : "look");
    this.cell(row, kDelays.map((name) => fixed(1000 * number(event[name]), 1)).join(" / "));
    this.cell(row, event.detail);
    return true;
  }

  /** Something else the operator should know of. */
  note(text) {
    const cell = this.cell(this.insert("event-note"), text);
    cell.colSpan = 8;
    cell.classList.add("look");
  }

  insert(testid) {
    this.empty.hidden = true;
    const row = this.body.insertRow(0);
    row.dataset.testid = testid;
    if (this.body.rows.length > kMostRows) this.body.deleteRow(-1);
    return row;
  }

  cell(row, text) {
    const cell = row.insertCell();
    cell.textContent = text;
    return cell;
  }
}
