/* How an exported function enters Python: stands before the functions that cffi generates, and in the way of their
 * calls. PyCUDA's destructors are the reason: they call the driver at any moment. */

#include <string.h>

enum { SUCCESS = 0, DEINITIALIZED = 4 };

/* Set by Python when the program ends (atexit). From then on nothing enters Python, whose modules are being cleared:
 * what gives back succeeds, as it does with NVIDIA's driver, and whatever else is refused. */
static int fuseproof_closed = 0;

static int fuseproof_call_closed(const char *function)
{
    static const char *const gives_back[] = {"Free", "Destroy", "Unload", "Unregister", "Detach", "Release",
                                             "PushCurrent", "PopCurrent", "Close", "Synchronize"};
    size_t i;
    for (i = 0; i < sizeof gives_back / sizeof *gives_back; i++)
        if (strstr(function, gives_back[i]))
            return SUCCESS;
    return DEINITIALIZED;
}

/* An exception that is on its way must survive the call, and the call must not see it. */
static void fuseproof_call_python(struct _cffi_externpy_s *function, char *arguments)
{
    PyGILState_STATE state;
    PyObject *type, *value, *traceback;

    if (fuseproof_closed || !Py_IsInitialized()) {
        *(int *)arguments = fuseproof_call_closed(function->name); /* the result's place */
        return;
    }
    state = PyGILState_Ensure();
    PyErr_Fetch(&type, &value, &traceback);
    _cffi_call_python(function, arguments);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(state);
}

#define _cffi_call_python fuseproof_call_python
