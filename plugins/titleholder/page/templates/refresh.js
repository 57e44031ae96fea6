(() => {
  // Read the page again now and then, and replace only the parts that have changed: what is open,
  // chosen, focused or scrolled stays. Not while the tab is hidden or somebody uses a form.
  const main = document.querySelector("main[data-seconds]");
  const parts = (root) => [...root.children].filter((one) => one.id);
  const served = new Map(parts(main).map((one) => [one.id, one.outerHTML]));
  const within = (root, id) =>
    root.id === id ? root : root.querySelector(`#${CSS.escape(id)}`);
  const each = (root, selector, act) => {
    for (const one of [root, ...root.querySelectorAll("*")]) if (one.matches(selector)) act(one);
  };
  const keep = (old, fresh) => {
    each(old, "details[id]", (one) => {
      const twin = within(fresh, one.id);
      if (twin) twin.open = one.open;
    });
    each(old, "input[id]:checked", (one) => {
      const twin = within(fresh, one.id);
      if (twin) twin.checked = true;
    });
  };
  // The focused element by its id, or by its place within the nearest element with one.
  const focused = (old) => {
    const active = document.activeElement;
    if (!old.contains(active)) return () => {};
    const holder = active.closest("[id]");
    const at = [holder, ...holder.querySelectorAll("*")].indexOf(active);
    return (fresh) => {
      const twin = within(fresh, holder.id);
      [twin, ...(twin?.querySelectorAll("*") ?? [])][at]?.focus({ preventScroll: true });
    };
  };
  const replace = (old, fresh) => {
    const focus = focused(old);
    const scrolled = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    keep(old, fresh);
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((one, at) => (one.scrollLeft = scrolled[at] ?? 0));
    focus(fresh);
  };
  const show = (text) => {
    const status = document.getElementById("page.status");
    if (status.textContent !== text) status.textContent = text;
  };
  const update = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    const now = new Map(parts(fresh).map((one) => [one.id, one.outerHTML]));
    const top = scrollY;
    if ([...now.keys()].join() === [...served.keys()].join()) {
      for (const one of parts(fresh))
        if (now.get(one.id) !== served.get(one.id))
          replace(document.getElementById(one.id), one);
    } else {
      keep(main, fresh);
      main.replaceChildren(...fresh.children);
    }
    scrollTo(scrollX, top);
    served.clear();
    for (const [id, html] of now) served.set(id, html);
    main.dataset.seconds = fresh.dataset.seconds;
  };
  let last = Date.now();
  const refresh = async () => {
    if (document.hidden || document.querySelector("dialog[open]")) return;
    if (!getSelection().isCollapsed) return;
    last = Date.now();
    try {
      const answer = await fetch(location.pathname + location.search);
      if (answer.status === 401) return show("· you are signed out of Airflow: sign in again");
      if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
      update(await answer.text());
      show(`· refreshes every ${main.dataset.seconds} s`);
    } catch (error) {
      show(`· not refreshed: ${error.message}`);
    }
  };
  const look = () => {
    if (Date.now() - last >= main.dataset.seconds * 1000) refresh();
  };
  setInterval(look, 1000);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("requested", refresh);
  show(`· refreshes every ${main.dataset.seconds} s`);
  // A phone shows the headings first.
  if (matchMedia("(max-width: 560px)").matches)
    for (const one of main.querySelectorAll("details.fold")) one.open = false;
})();
