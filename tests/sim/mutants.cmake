# Deliberately broken cores: the simulator must catch each within 2,000 seeds. A mutant is a copy of one of
# the core's files with one piece of text replaced, linked before the library. Where the text is no
# longer there exactly once, the mutant's test fails and says so; the build goes on.

function(sim_mutant name file text replacement)
    set(source ${CMAKE_SOURCE_DIR}/coordinator/${file})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    file(READ ${source} content)
    string(FIND "${content}" "${text}" first)
    string(FIND "${content}" "${text}" last REVERSE)
    if(first EQUAL -1 OR NOT first EQUAL last)
        message(STATUS "sim_mutant ${name}: its text is not exactly once in ${file}")
        add_test(NAME sim_mutant_${name}
                 COMMAND ${CMAKE_COMMAND} -E echo "its text is not exactly once in ${file}")
        set_tests_properties(sim_mutant_${name} PROPERTIES FAIL_REGULAR_EXPRESSION "not exactly once")
        return()
    endif()
    string(REPLACE "${text}" "${replacement}" content "${content}")
    file(CONFIGURE OUTPUT mutants/${name}.c CONTENT "${content}" @ONLY)
    add_executable(sim_mutant_${name} soak.c ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}.c)
    target_link_libraries(sim_mutant_${name} PRIVATE sim_test_support m)
    add_test(NAME sim_mutant_${name} COMMAND sim_mutant_${name} --seeds 2000 --must-break --no-speed)
    set_tests_properties(sim_mutant_${name} PROPERTIES TIMEOUT 300)
endfunction()

# Tiles of a lost worker are not given to others.
sim_mutant(lost_requeue core_round.c
    "return count > 0 && round_add(core, slot, core->geometry->orphans, count);"
    "return count > 0 && core->settings.depth < 0 &&
               round_add(core, slot, core->geometry->orphans, count);")
# What a lost worker had in hand counts as still to come.
sim_mutant(lost_withdraw core_slot.c
    "else if (assignment->state == ASSIGNMENT_OUT || assignment->state == ASSIGNMENT_LATE)"
    "else if (assignment->state == ASSIGNMENT_LATE)")
# A tile that is answered twice counts twice.
sim_mutant(double_count core_slot.c
    "if (!status && g->mark[t] == NAMED_NEW) {"
    "if (!status) {")
# Tiles that were answered before are not told from new ones.
sim_mutant(no_duplicate_check core_slot.c
    "g->mark[t] = slot->tiles[t] == TILE_DONE ? NAMED_AGAIN : NAMED_NEW;"
    "g->mark[t] = slot->tiles[t] == TILE_DONE ? NAMED_NEW : NAMED_NEW;")
# The newest finished frame is reported first.
sim_mutant(out_of_order core.c
    "const int index = core->order[core->order_first];
    struct core_slot *slot = &core->slots[index];
    if (slot->state == SLOT_FINISHED) {"
    "int index = core->order[core->order_first];
    struct core_slot *slot = core_slot_in_order(core, core->order_count - 1);
    if (slot->state == SLOT_FINISHED)
        index = (int)(slot - core->slots);
    slot = &core->slots[index];
    if (slot->state == SLOT_FINISHED) {")
# A frame stays finished after its report.
sim_mutant(reported_twice core.c
    "slot->state = SLOT_REPORTED;
        *action"
    "slot->state = slot->in.seq % 7 == 3 && core->now_us % 2 ? SLOT_FINISHED : SLOT_REPORTED;
        *action")
# A frame's slot is free as soon as it is finished.
sim_mutant(early_release core.c
    "if (slot->state == SLOT_FINISHED) {
        core_slot_report(core, slot);"
    "if (slot->state == SLOT_FINISHED && slot->in.seq == 5)
        slot->state = SLOT_REPORTED;
    if (slot->state == SLOT_FINISHED) {
        core_slot_report(core, slot);")
# A worker that comes back gets no work.
sim_mutant(forgotten_return core_worker.c
    "if (worker->state != WORKER_LOST || !worker->host[0] || core->stops_said ||"
    "if (worker->heard_us > 0 || !worker->host[0] || core->stops_said ||")
# Coverage is always complete.
sim_mutant(coverage_lie core_report.c
    "(double)slot->done / (double)g->tiles->count"
    "1.0 + 0.0 * (double)slot->done")
# A level counts as searched when some of its tiles were.
sim_mutant(missing_lie core_report.c
    "if (slot->tiles[t] != TILE_DONE && (count == 0"
    "if (slot->tiles[t] == TILE_OPEN && (count == 0")
# An answer counts for whichever frame is first.
sim_mutant(wrong_frame core_worker.c
    "if (open && slot->in.seq == seq)"
    "if (open && slot->in.seq <= seq)")
# No answer is ever overdue.
sim_mutant(never_late core_watch.c
    "if (worker->hand_count == 0 || s->late_factor <= 0.0)"
    "if (worker->hand_count >= 0 || s->late_factor <= 0.0)")
# Tiles are given up as soon as nobody can take them.
sim_mutant(no_patience core_round.c
    "if (hope(core, slot) && core->now_us < wait_until_us(core, slot)) {"
    "if (hope(core, slot) && core->now_us + 1000000000 < wait_until_us(core, slot)) {")
# Work goes to workers that have not said READY.
sim_mutant(not_ready core_worker.c
    "return worker->state == WORKER_READY && !worker->starting && worker->bench_until_us == 0;"
    "return core_worker_in_use(worker) && !worker->starting && worker->bench_until_us == 0;")
# Lost workers are not told that the run is over.
sim_mutant(no_goodbye core.c
    "core->workers[w].stop_due = !core->workers[w].stopped;"
    "core->workers[w].stop_due =
                !core->workers[w].stopped && core_worker_in_use(&core->workers[w]);")
