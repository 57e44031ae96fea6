(() => {
  // The forms that trigger a dag run by Airflow's API, which checks the user's rights. A form has
  // an address of its own: its id after a hash, on this page or on Airflow's around it.
  const open = (hash) => {
    const found = document.getElementById(decodeURIComponent(hash.slice(1)));
    for (let one = found; one; one = one.parentElement)
      if (one instanceof HTMLDetailsElement) one.open = true;
    if (found instanceof HTMLDialogElement) found.showModal();
    else found?.scrollIntoView();
  };
  const around = () => {
    try {
      return window.parent.location.hash;
    } catch {
      return "";
    }
  };
  addEventListener("hashchange", () => open(location.hash));
  open(location.hash || around());
  document.addEventListener("click", (event) => {
    if (event.target.matches("dialog [data-close]")) event.target.closest("dialog").close();
  });
  // So that the same link opens it again.
  const closed = (event) => {
    if (event.target instanceof HTMLDialogElement)
      history.replaceState(null, "", location.pathname + location.search);
  };
  document.addEventListener("close", closed, true);
  const body = (form) => {
    const conf = { intent: form.dataset.intent };
    const { traffic_percentage: percentage, reason } = form.elements;
    if (form.dataset.id) conf.deployed_model_id = form.dataset.id;
    if (percentage) conf.traffic_percentage = percentage.valueAsNumber;
    if (reason.value.trim()) conf.reason = reason.value.trim();
    return JSON.stringify({ logical_date: null, conf });
  };
  const trigger = async (form) => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(form.dataset.url, { method: "POST", headers, body: body(form) });
    if (answer.ok) return;
    const { detail } = await answer.json().catch(() => ({}));
    const text = typeof detail === "string" ? detail : JSON.stringify(detail ?? "");
    throw new Error(`Airflow answers ${answer.status}: ${text}`);
  };
  document.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector("button");
    const alert = form.querySelector("[role=alert]");
    button.disabled = true;
    alert.hidden = true;
    try {
      await trigger(form);
      form.closest("dialog").close();
      form.reset();
      document.dispatchEvent(new Event("requested"));
    } catch (error) {
      alert.textContent = error.message;
      alert.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
})();
